import copy
import csv
import hashlib
import hmac
import json
from collections import Counter

import pytest
from scipy.stats import chisquare

from stepped_wedge import draws
from stepped_wedge.refusals import CaseRefused

SECRET = "00112233445566778899aabbccddeeff" * 2
SIMPLE = {"protocol": "family valued 1.0", "clusters": ["E", "A", "C", "B", "D"], "clusters_per_sequence": [1] * 5}


def secret(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def whole_record(spec=SIMPLE, key=SECRET, table=None, public_random=None):
    committed = draws.commit(draws.draft(spec, table), key)
    return draws.reveal(committed, draws.draw(committed, key, public_random), key)


@pytest.fixture
def counties(examples):
    with (examples / "counties.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def constrained():
    return {
        "protocol": "counties",
        "id_column": "county",
        "clusters_per_sequence": [4, 4, 4, 4],
        "covariates": [
            {"name": "inciis", "weight": 2},
            "uptodateonimmunizations",
            {"name": "incomecat", "kind": "category"},
        ],
        "strata": "location",
        "cutoff": {"share": 0.1},
        "sample": 5000,
        "constraints": ["1 and 2 not in the same step"],
    }


def test_the_whole_path_from_commitment_to_verification_holds(counties, constrained):
    for record in (whole_record(), whole_record(constrained, table=counties)):
        again = json.loads(json.dumps(record))
        verification = draws.verify(again)
        assert verification.holds, verification.checks


def test_a_draw_is_the_same_every_time():
    assert whole_record()["allocation"] == whole_record()["allocation"]


def test_the_simple_draw_can_be_recomputed_by_hand():
    """Independent of the library: the stream, the rejection and the shuffle in a few lines."""
    counter = 0

    def below(bound):
        nonlocal counter
        width = (bound - 1).bit_length()
        while True:
            block = hmac.new(bytes.fromhex(SECRET), b"allocation:" + counter.to_bytes(8, "big"), "sha256").digest()
            counter += 1
            value = int.from_bytes(block, "big") >> (256 - width)
            if value < bound:
                return value

    slots = [1, 2, 3, 4, 5]
    for last in range(4, 0, -1):
        other = below(last + 1)
        slots[last], slots[other] = slots[other], slots[last]
    assert whole_record()["allocation"] == dict(zip("ABCDE", slots, strict=True))


def test_the_commitment_is_the_digest_of_canonical_json():
    committed = draws.commit(draws.draft(SIMPLE), SECRET)
    body = {k: v for k, v in committed.items() if k != "commitment"}
    text = json.dumps({"public": body, "secret": SECRET}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert committed["commitment"] == hashlib.sha256(text.encode()).hexdigest()
    assert SECRET not in json.dumps(committed)


@pytest.mark.parametrize("seconds", [pytest.param(24_000, marks=pytest.mark.slow), 6_000])
def test_every_order_of_five_authorities_is_equally_likely(seconds):
    slots = [0, 1, 2, 3, 4]
    orders = Counter(
        tuple(draws.Stream(bytes.fromhex(secret(i)), "allocation").shuffled(slots)) for i in range(seconds)
    )
    assert len(orders) == 120
    assert chisquare(list(orders.values())).pvalue > 0.001


def test_numbers_below_a_bound_are_equally_likely_when_it_is_no_power_of_two():
    stream = draws.Stream(b"k" * 32, "allocation")
    counts = Counter(stream.below(24) for _ in range(12_000))
    assert set(counts) == set(range(24))
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_another_secret_is_refused_before_anything_is_drawn():
    committed = draws.commit(draws.draft(SIMPLE), SECRET)
    with pytest.raises(CaseRefused, match="nothing was drawn"):
        draws.draw(committed, secret(1))


def test_a_specification_changed_after_the_commitment_is_refused():
    committed = copy.deepcopy(draws.commit(draws.draft(SIMPLE), SECRET))
    committed["spec"]["protocol"] = "another"
    with pytest.raises(CaseRefused, match="nothing was drawn"):
        draws.draw(committed, SECRET)


@pytest.mark.parametrize("part", ["allocation", "secret", "spec", "candidates_sha256"])
def test_a_record_that_was_tampered_with_does_not_verify(part, counties, constrained):
    record = json.loads(json.dumps(whole_record(constrained, table=counties)))
    if part == "allocation":
        names = sorted(record[part])
        one, other = names[0], next(n for n in names if record[part][n] != record[part][names[0]])
        record[part][one], record[part][other] = record[part][other], record[part][one]
    elif part == "secret":
        record[part] = secret(2)
    elif part == "spec":
        record[part]["table"]["1"]["inciis"] = "1"
    else:
        record[part] = "0" * 64
    assert not draws.verify(record).holds


def test_an_announced_public_value_is_needed_and_changes_the_draw():
    spec = SIMPLE | {"public_random": "first six numbers of the national lottery of 6 June 2026"}
    first = whole_record(spec, public_random="1 2 3 4 5 6")
    assert draws.verify(first).holds
    outcomes = {json.dumps(whole_record(spec, public_random=str(i))["allocation"]) for i in range(20)}
    assert len(outcomes) > 10
    with pytest.raises(CaseRefused, match="announces"):
        whole_record(spec)
    with pytest.raises(CaseRefused, match="none was announced"):
        whole_record(public_random="late idea")


def test_two_people_make_a_secret_that_neither_decides():
    one, two = secret(1), secret(2)
    assert draws.combine_secrets(one, two) == draws.combine_secrets(two, one)
    assert draws.combine_secrets(draws.combine_secrets(one, two), two) == one


def test_reserves_are_put_in_order_with_the_first_draw():
    record = whole_record(SIMPLE | {"reserve": ["X", "Y", "Z"]})
    assert sorted(record["reserve_order"]) == ["X", "Y", "Z"]
    assert draws.verify(record).holds
    record["reserve_order"].reverse()
    assert not draws.verify(record).holds


def test_an_over_constrained_space_is_not_committed():
    spec = SIMPLE | {"constraints": ["A in step 1", "B in step 2", "C in step 3"]}
    with pytest.raises(CaseRefused, match="loosen the constraints"):
        draws.commit(draws.draft(spec), SECRET)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"clusters_per_sequence": [1, 1]}, "clusters_per_sequence"),
        ({"clusters": ["A", "A", "B", "C", "D"]}, "clusters"),
        ({"colour": "red"}, "colour"),
        ({"cutoff": {"best": 1}}, "cutoff"),
        ({"covariates": [{"kind": "number"}]}, "covariates[0]"),
        ({"constraints": ["go early"]}, "constraints"),
        ({"reserve": ["A"]}, "reserve"),
    ],
)
def test_nonsense_in_a_specification_is_refused_with_its_path(change, path):
    with pytest.raises(CaseRefused) as refused:
        draws.draft(SIMPLE | change)
    assert refused.value.path == path


def test_a_missing_covariate_is_refused(counties, constrained):
    counties[3]["inciis"] = ""
    with pytest.raises(CaseRefused, match="missing for some cluster"):
        draws.draft(constrained, counties)


def test_a_short_secret_is_refused():
    with pytest.raises(CaseRefused, match="256 bits"):
        draws.commit(draws.draft(SIMPLE), "abcd")


AUTHORITIES = [
    {"cluster": "Coventry", "size": "large", "kind": "metropolitan"},
    {"cluster": "Sefton", "size": "small", "kind": "metropolitan"},
    {"cluster": "Solihull", "size": "small", "kind": "large"},
    {"cluster": "Warwickshire", "size": "large", "kind": "county"},
]
DATED = {
    "id_column": "cluster",
    "clusters_per_sequence": [2, 2],
    "step_dates": ["2026-10-01", "2027-04-01"],
}


@pytest.mark.parametrize(
    ("sentence", "came_to"),
    [
        ("at most one with size = large in a step", "at most 1 of Coventry, Warwickshire in a step"),
        ("At most one county authority per step.", "at most 1 of Warwickshire in a step"),
        ("at most two metropolitan in each step", "at most 2 of Coventry, Sefton in a step"),
        ("at most one of Sefton, Solihull in a step", "at most 1 of Sefton, Solihull in a step"),
        ("Sefton not before April 2027", "Sefton not before step 2"),
        ("Sefton not before 1 October 2026", "Sefton not before step 1"),
        ("Sefton not after 2026-12-31", "Sefton not after step 1"),
        ("Sefton not after April 2027", "Sefton not after step 2"),
        ("Sefton not before step 2", "Sefton not before step 2"),
        ("Sefton and Solihull not in the same step", "Sefton and Solihull not in the same step"),
    ],
)
def test_a_sentence_is_put_into_clusters_and_steps_before_anything_is_frozen(sentence, came_to):
    checked = draws.draft(DATED | {"constraints": [sentence]}, AUTHORITIES)
    assert checked.spec["constraints"] == [came_to]
    again = draws.draft(checked.spec)
    assert again.space == checked.space


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"constraints": ["at most one large authority per step"]}, "constraints", "kind and size"),
        ({"constraints": ["at most one tiny authority per step"]}, "constraints", "no cluster is tiny"),
        ({"constraints": ["at most one with colour = red in a step"]}, "constraints", "not a column"),
        ({"constraints": ["Sefton not before May 2027"]}, "constraints", "no step begins"),
        ({"constraints": ["Sefton not after May 2026"]}, "constraints", "no step begins"),
        ({"constraints": ["Sefton not before the spring"]}, "constraints", "not a date"),
        ({"constraints": ["Sefton not before 31 February 2027"]}, "constraints", "not a day"),
        ({"constraints": ["Sefton not before April 2027"], "step_dates": None}, "step_dates", "give step_dates"),
        ({"constraints": ["Sefton not before April 2027"], "step_dates": ["2027-04-01"] * 2}, "step_dates", "in order"),
        (
            {"constraints": ["Sefton not before April 2027"], "step_dates": ["soon", "later"]},
            "step_dates",
            "not a date",
        ),
        ({"step_dates": ["2027-04-01"]}, "step_dates", "each step"),
    ],
)
def test_a_sentence_that_could_mean_two_things_or_nothing_is_refused(change, path, said):
    with pytest.raises(CaseRefused, match=said) as refused:
        draws.draft(DATED | change, AUTHORITIES)
    assert refused.value.path == path
