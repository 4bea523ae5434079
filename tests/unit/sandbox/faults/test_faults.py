"""Which request meets which fault, and how often."""

from sandbox.faults.faults import ALL, KINDS, Fault, Faults


def test_a_key_named_after_a_fault_always_meets_it():
    faults = Faults()
    assert [faults.next(kind).kind for kind in KINDS] == list(KINDS)
    assert [faults.next(key).kind for key in ("", "bad")] == ["bad-key", "bad-key"]
    assert faults.next("any") is None


def test_a_fault_set_for_a_key_is_met_so_many_times_and_by_no_other_key():
    faults = Faults()
    faults.set("mine", Fault("garbage", times=2))
    assert faults.next("other") is None
    assert [faults.next("mine") and "garbage" for _ in range(3)] == ["garbage", "garbage", None]
    assert faults.by_key == {}


def test_a_fault_for_all_keys_stays_until_it_is_taken_back():
    faults = Faults()
    faults.set(ALL, Fault("slow"))
    faults.set("mine", Fault("dropped"))
    assert [faults.next(key).kind for key in ("a", "b", "mine")] == ["slow", "slow", "dropped"]
    faults.set(ALL, None)
    assert faults.next("a") is None
    assert faults.next("mine").kind == "dropped"
