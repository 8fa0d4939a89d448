"""Alert rules: read, refused by name, matched."""

from __future__ import annotations

import json

import pytest

from tycokit import samples
from tycokit.errors import RulesError
from tycokit.vision import rules
from tycokit.vision.detectors import Box, Detection

PLAIN = {
    "from_email": "alerts@example.com",
    "to_email": "guard@example.com",
    "threat_classes": [1, 3, 4, 8],
}
EVERYWHERE = Box(0.0, 0.0, 1.0, 1.0)


def _file(tmp_path, value):
    path = tmp_path / "rules.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_the_plain_form(tmp_path):
    path = _file(tmp_path, PLAIN)
    assert rules.read(path) == rules.read(tmp_path)
    (rule,) = rules.read(path).rules
    assert (rule.id, rule.unsafe) == ("plain", (1, 3, 4, 8))
    assert (rule.from_email, rule.notify) == ("alerts@example.com", ("guard@example.com",))


def test_classes_by_name_and_number_mean_the_same(tmp_path):
    read = rules.read(_file(tmp_path, {**PLAIN, "threat_classes": ["Dog", 1, "person"]}))
    assert read.rules[0].unsafe == (1, 18)
    seen = [Detection(n, name, 0.9, EVERYWHERE) for n, name in [(18, "dog"), (17, "cat")]]
    (match,) = read.match("dev1", "1511891098", seen)
    assert list(match.objects) == seen[:1]


def test_a_label_map_beside_the_rules_names_other_classes(tmp_path):
    (tmp_path / "labelmap.txt").write_text("fox\nhen\n")
    read = rules.read(_file(tmp_path, {**PLAIN, "threat_classes": ["fox"]}))
    assert read.rules[0].unsafe == (1,)


def test_the_sample_rules_are_rules(tmp_path):
    rule = rules.read(samples.write_json(tmp_path, "rules.json", samples.rules()))
    assert rule.rules[0].unsafe == (1, 3, 8)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('{\n  "from_email": "a@b.c",\n  oops\n}', "line 3, column 3"),
        ("", "not JSON: line 1, column 1"),
        ("[]", "one JSON object"),
        ("[" * 100_000, "nested too deep"),
        ('{"to_email": "a@b", "to_email": "c@d"}', "'to_email' stands there twice"),
        ({**PLAIN, "treat_classes": [1]}, "unknown key 'treat_classes'; did you mean"),
        ({**PLAIN, "x": 1}, "unknown key 'x'; the keys are"),
        ({k: v for k, v in PLAIN.items() if k != "to_email"}, "'to_email' is missing"),
        ({**PLAIN, "from_email": "nobody"}, "from_email must be an e-mail address"),
        ({**PLAIN, "to_email": 5}, "to_email must be an e-mail address, and is 5"),
        ({**PLAIN, "threat_classes": "person"}, "must be a list"),
        ({**PLAIN, "threat_classes": ["persn"]}, "unknown class 'persn'; near it: 1 person"),
        ({**PLAIN, "threat_classes": [91]}, "unknown class 91; near it: 90 toothbrush"),
        ({**PLAIN, "threat_classes": [True]}, "this is True"),
        ({**PLAIN, "threat_classes": [1.5]}, "this is 1.5"),
    ],
)
def test_a_refusal_names_the_line_the_key_or_the_class(tmp_path, value, said):
    path = _file(tmp_path, value)
    with pytest.raises(RulesError) as error:
        rules.read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_rules_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(RulesError, match=r"rules\.json.*cannot be read"):
        rules.read(tmp_path)
    (tmp_path / "rules.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(RulesError, match="byte 7 is not UTF-8"):
        rules.read(tmp_path)
