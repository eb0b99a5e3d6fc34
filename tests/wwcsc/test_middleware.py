import pytest
from django.urls import reverse
from structlog.testing import capture_logs

pytestmark = pytest.mark.django_db


def paths_logged(client, *addresses):
    with capture_logs() as said:
        for address in addresses:
            client.get(address)
    return [line["path"] for line in said if line["event"] == "request"]


def test_what_lets_somebody_in_by_link_is_not_in_the_log(client):
    secret = "Canary-of-a-link"
    paths = paths_logged(
        client,
        reverse("partners:invitation", args=[secret]),
        reverse("notices:unsubscribe", args=[secret]),
        reverse("account_reset_password_from_key", kwargs={"uidb36": "1z", "key": secret}),
    )
    assert len(paths) == 3
    assert not any(secret in path for path in paths)
    assert paths[0] == "/invitations/<token>/"


def test_other_addresses_are_logged_as_they_are(client):
    assert paths_logged(client, "/evaluations/promises/", "/nowhere/") == ["/evaluations/promises/", "/nowhere/"]
