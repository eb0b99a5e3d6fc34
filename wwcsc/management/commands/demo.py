"""One command that starts the whole portal on this machine: servers, records, web, worker and clock."""

import secrets
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connections

from wwcsc.demonstration import sign_ins
from wwcsc.local import proof
from wwcsc.local.folders import ServerDidNotStart
from wwcsc.local.stack import LocalStack, forget_everything, make_folders, refuse_fresh_on_servers_of_others
from wwcsc.local.supervisor import AlreadyRunning, Lock, PartDied, StopRequested, Supervisor, listen, say
from wwcsc.notices import check_that_mail_arrives

PATIENCE = 120.0  # seconds; the first start on a slow machine compiles everything it imports
PATIENCE_WITH_A_PROOF = 60.0
STEPS = [
    ("migrate", "Bringing the database up to date", {"interactive": False}),
    ("load_facts", "Loading facts: authorities, trusts, programmes, evidence", {}),
    ("load_demonstration", "Loading demonstration records", {}),
]


class Command(BaseCommand):
    help = "Start the portal on this machine: PostgreSQL, Valkey, mail catcher, web, worker and beat. Ctrl-C stops it."
    requires_system_checks: list = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=port, default=8000, help="where to answer; the next free one if it is taken")
        parser.add_argument("--fresh", action="store_true", help="forget all local records, files and mail first")
        parser.add_argument("--check", action="store_true", help="start, prove that every part works, stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo is not for production: unset PORTAL_PRODUCTION. README tells how to deploy.")
        began = time.monotonic()
        try:
            settings.LOCAL.data.mkdir(parents=True, exist_ok=True)
            lock = Lock(settings.LOCAL.data / "running")
            self.run(lock, began=began, **options)
        except (AlreadyRunning, ServerDidNotStart, PartDied, OSError) as refused:
            raise CommandError(str(refused)) from refused

    def run(self, lock: Lock, *, port: int, fresh: bool, check: bool, began: float, **options: Any) -> None:
        line = listen(port)
        answers_at = line.getsockname()[1]
        address = f"http://localhost:{answers_at}"
        lock.write(address)
        settings.PORTAL_ADDRESS = address  # links in records that are made here
        stack = LocalStack(settings.LOCAL, checkout=settings.BASE_DIR, address=address)
        if fresh:
            refuse_fresh_on_servers_of_others(stack)
            forget_everything(settings.LOCAL)
        if answers_at != port:
            say(f"Port {port} is in use, so the portal answers on {answers_at}.")
        try:
            with Supervisor() as supervisor:
                self.start(supervisor, stack, listening=line.fileno())
                line.close()  # the web server holds it now: with that one gone, visitors must not wait for us
                self.wait_for_the_first_page(supervisor, address)
                say(f"\nThe portal answers at {address}  ({time.monotonic() - began:.0f} s)\n")
                if check:
                    prove(supervisor, address, began=began)
                else:
                    self.tell_how_to_sign_in()
                    self.tell_that_work_is_done(supervisor, address, began=began)
                    supervisor.watch()
        except StopRequested as asked:
            say(f"\nStopped ({asked}). Records are kept for the next start.")
        finally:
            lock.release()

    def start(self, supervisor: Supervisor, stack: LocalStack, *, listening: int) -> None:
        make_folders(stack.paths)
        for lent in stack.everything_lent():
            say(f"Using {lent}.")
        for server in stack.servers():
            say(f"Starting {server.name}.")
            supervisor.start(server)
        supervisor.start(stack.mail())
        prepare_records(stack.paths.logs / "setup.log")
        say("Starting worker, beat and web.")
        for part in (stack.worker(), stack.beat(), stack.web(listening)):
            supervisor.start(part)

    def wait_for_the_first_page(self, supervisor: Supervisor, address: str) -> None:
        if not proof.wait_for(lambda: proof.health(address).answered, look=supervisor.look, patience=PATIENCE):
            raise ServerDidNotStart(f"The web server did not answer. Its log is {settings.LOCAL.logs / 'web.log'}.")

    def tell_how_to_sign_in(self) -> None:
        people = sign_ins()
        if not people:
            return
        say("Sign in as (demonstration people, made for this machine):\n")
        widths = [max(len(row[column]) for row in people) for column in range(3)]
        for role, email, password, what in people:
            say(f"  {role:<{widths[0]}}  {email:<{widths[1]}}  {password:<{widths[2]}}  {what}")
        say("\nThe second factor is off in the demonstration, and no mail leaves this machine.")

    def tell_that_work_is_done(self, supervisor: Supervisor, address: str, *, began: float) -> None:
        if proof.wait_for(lambda: proof.health(address).is_good(since=began), look=supervisor.look, patience=PATIENCE):
            say(f"Worker, clock and mail are running. Logs are in {settings.LOCAL.logs}. Press Ctrl-C to stop.")
        else:
            say(
                f"The pages work, but /healthz is not content: {proof.health(address).said}. See {settings.LOCAL.logs}."
            )


def port(typed: str) -> int:
    number = int(typed)
    if not 1 <= number <= 65535:
        raise ValueError
    return number


def prepare_records(log: Path) -> None:
    with log.open("a", encoding="utf-8") as output:
        for name, words, arguments in STEPS:
            say(f"{words}.")
            call_command(name, stdout=output, stderr=output, **arguments)
    # Connections of ours would hold up the stop of PostgreSQL, and must not be shared with children.
    connections.close_all()


def prove(supervisor: Supervisor, address: str, *, began: float) -> None:
    """Each line is a thing that a person would miss at once. The first one that does not hold ends the command."""
    token = secrets.token_hex(8)
    check_that_mail_arrives(token)
    connections.close_all()
    for words, holds in (
        ("web: the home page is served", lambda: proof.fetch(f"{address}/")[0] == 200),
        ("assets: its style sheet is served", lambda: proof.style_is_served(address)),
        ("worker and beat: a task rung by the clock was done", lambda: proof.health(address).is_good(since=began)),
        ("mail: a message went from the outbox to the catcher", lambda: proof.arrived(settings.LOCAL.mail, token)),
    ):
        if not proof.wait_for(holds, look=supervisor.look, patience=PATIENCE_WITH_A_PROOF):
            raise ServerDidNotStart(
                f"NO   {words}. Logs are in {settings.LOCAL.logs}; /healthz: {proof.health(address)}"
            )
        say(f"  yes  {words}")
    say("\nEverything works.")
