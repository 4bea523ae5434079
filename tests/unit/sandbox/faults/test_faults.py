"""Which request meets which trouble, and how often."""

from sandbox.faults.faults import ALL, KINDS, Trouble, Troubles


def test_a_key_named_after_a_trouble_always_meets_it():
    troubles = Troubles()
    assert [troubles.next(kind).kind for kind in KINDS] == list(KINDS)
    assert [troubles.next(key).kind for key in ("", "bad")] == ["bad-key", "bad-key"]
    assert troubles.next("any") is None


def test_a_trouble_set_for_a_key_is_met_so_many_times_and_by_no_other_key():
    troubles = Troubles()
    troubles.set("mine", Trouble("garbage", times=2))
    assert troubles.next("other") is None
    assert [troubles.next("mine") and "garbage" for _ in range(3)] == ["garbage", "garbage", None]
    assert troubles.by_key == {}


def test_a_trouble_for_all_keys_stays_until_it_is_taken_back():
    troubles = Troubles()
    troubles.set(ALL, Trouble("slow"))
    troubles.set("mine", Trouble("dropped"))
    assert [troubles.next(key).kind for key in ("a", "b", "mine")] == ["slow", "slow", "dropped"]
    troubles.set(ALL, None)
    assert troubles.next("a") is None
    assert troubles.next("mine").kind == "dropped"
