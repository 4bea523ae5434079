"""The answers are laid out as the service lays them out, byte for byte as a JSON encoder would write them."""

import numpy as np
import orjson

from sandbox.exchange.responses import in_csv, in_json

STAMPS = ["2024-01-02 09:30:00", "2024-01-02 09:31:00"]
VALUES = np.array([[10.0, 10.5, 9.99, 10.123456, 1200.0], [0.01, 1e5, 0.01, 2.5, 3.0]])


def test_json_is_newest_first_with_numbers_as_text():
    answer = in_json("BRK.B", STAMPS, VALUES, "full")
    read = orjson.loads(answer)
    assert orjson.dumps(read, option=orjson.OPT_INDENT_2) == answer
    assert list(read["Time Series (1min)"]) == STAMPS[::-1]
    first = read["Time Series (1min)"][STAMPS[0]]
    assert first == dict(
        zip(
            ("1. open", "2. high", "3. low", "4. close", "5. volume"),
            ("10.0000", "10.5000", "9.9900", "10.1235", "1200"),
            strict=True,
        )
    )
    assert read["Meta Data"]["2. Symbol"] == "BRK.B"
    assert read["Meta Data"]["3. Last Refreshed"] == STAMPS[-1]


def test_csv_is_newest_first_with_a_header():
    assert in_csv(STAMPS, VALUES).decode().split("\r\n") == [
        "timestamp,open,high,low,close,volume",
        "2024-01-02 09:31:00,0.0100,100000.0000,0.0100,2.5000,3",
        "2024-01-02 09:30:00,10.0000,10.5000,9.9900,10.1235,1200",
        "",
    ]
