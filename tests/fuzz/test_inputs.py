import os
from pathlib import Path

import pytest
from fuzzing import Door, mutated, outcomes
from inputs import DOORS

from ganbench.errors import GanbenchError

CASES = 200


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_door_takes_what_is_valid(door: Door, tmp_path: Path) -> None:
    path = door.make(tmp_path)
    if door.taken:
        door.open(path)
    else:
        with pytest.raises(GanbenchError):
            door.open(path)


def test_mutated_inputs_are_taken_or_refused_in_one_line() -> None:
    found = list(outcomes(DOORS, seed=1, numbers=range(CASES)))
    assert [one.fault for one in found if one.fault] == []
    assert len(found) == CASES
    assert 0.5 * CASES < sum(one.refused for one in found) < 0.95 * CASES, "mutations neither spare nor destroy all files"


def test_what_goes_wrong_is_found() -> None:
    def fail(path: Path) -> None:
        raise ValueError("of another kind")

    def die(path: Path) -> None:
        os._exit(1)

    def swell(path: Path) -> None:
        raise GanbenchError("two\nlines")

    doors = [Door(name=one.__name__, make=DOORS[0].make, open=one) for one in (fail, die, swell)]
    found = [one.fault for one in outcomes(doors, seed=0, numbers=range(6))]
    words = ("ValueError: of another kind", "the process died", "several lines") * 2
    assert len(found) == 6 and all(word in fault for word, fault in zip(words, found, strict=True))


def test_mutations_follow_from_the_seed() -> None:
    import random

    data = bytes(range(256))
    assert mutated(data, random.Random("0/1")) == mutated(data, random.Random("0/1"))
    assert len({mutated(data, random.Random(f"0/{number}")) for number in range(50)}) > 40
