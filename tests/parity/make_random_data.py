"""Writes made-up Parquet, Arrow, JSON and CSV files, and golden.json with their rows as pyarrow and Python read them.

    python3 tests/parity/make_random_data.py SEED COUNT OUTPUT_FOLDER

golden.json: for each file the columns to read, the options of the reading, and the rows. NaN and infinities are
{"float": "nan"}, bytes {"bytes": [...]}, integers beyond 2^53 and decimals texts.
"""

import csv
import datetime
import decimal
import json
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SAFE = 2**53 - 1
WORDS = ["a", "Größe", "🙂", "", "x\ny", "数学", '"q"', "long " * 50, "\ufeffbom", "NaN", "\\", "x]}{[", "9007199254740993"]
SEED, COUNT, FOLDER = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
R = random.Random(SEED)


def plain(value):
    """The value that the readers must give for a Python value."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else {"float": str(value)}
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()}


def some(make, rows):
    return [None if R.random() < 0.15 else make() for _ in range(rows)]


def decimal_of(kind):
    largest = 10**kind.precision - 1
    unscaled = R.choice([0, 1, -1, largest, -largest, R.randint(-largest, largest)])
    return decimal.Decimal(unscaled).scaleb(-kind.scale, decimal.Context(prec=100))


def integer(low, high):
    return R.choice([low, high, R.randint(low, high), max(low, min(high, R.randint(-9, 9))), max(low, min(high, 2**53 + 1))])


def column(rows):
    word = lambda: R.choice(WORDS)
    items = lambda make: lambda: some(make, R.randint(0, 4))
    moment = lambda: datetime.datetime(R.randint(1950, 2100), 3, R.randint(1, 28), R.randint(0, 23), 5, 6)
    small = lambda: R.choice([0.5, -0.25, float(R.randint(-99, 99))])
    kind, make = R.choice([
        (pa.string(), word), (pa.large_string(), word), (pa.dictionary(pa.int32(), pa.string()), word),
        (pa.int64(), lambda: integer(-(2**63), 2**63 - 1)), (pa.uint64(), lambda: integer(0, 2**64 - 1)),
        (pa.int32(), lambda: integer(-(2**31), 2**31 - 1)), (pa.uint32(), lambda: integer(0, 2**32 - 1)), (pa.int8(), lambda: integer(-128, 127)),
        (pa.float64(), lambda: R.choice([R.uniform(-1, 1), 1e300, 5e-324, 3.0, float("nan")])), (pa.float32(), small), (pa.bool_(), lambda: R.random() < 0.5),
        *[(pa.decimal128(digits, scale), None) for digits, scale in [(9, 0), (9, 2), (18, 4), (18, 18), (38, 2), (38, 38)]],
        (pa.decimal256(76, 50), None), (pa.list_(pa.decimal128(12, 3)), None),
        (pa.binary(), lambda: R.randbytes(R.randint(0, 5))), (pa.list_(pa.int64()), items(lambda: integer(-(2**63), 2**63 - 1))),
        (pa.list_(pa.struct([("t", pa.string()), ("n", pa.int64())])), items(lambda: {"t": word(), "n": 2**55 + 1})),
        (pa.date32(), lambda: moment().date()), (pa.timestamp(R.choice(["s", "ms", "us"])), moment), (pa.null(), lambda: None),
    ])
    if make is None:
        scalar = kind.value_type if pa.types.is_list(kind) else kind
        make = lambda: decimal_of(scalar)
        make = items(make) if scalar != kind else make
    return pa.array(some(make, rows), kind)


def odd_column(rows):
    """A column of a type that is not read, or only in Arrow."""
    return R.choice([
        lambda: pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array(["x"])) if rows else pa.nulls(0),
        lambda: pa.array([[1, 2]] * rows, pa.list_view(pa.int32())),
        lambda: pa.UnionArray.from_sparse(pa.array([0] * rows, pa.int8()), [pa.array([1] * rows), pa.array(["s"] * rows)]),
        lambda: pa.UnionArray.from_dense(pa.array([0] * rows, pa.int8()), pa.array(range(rows), pa.int32()), [pa.array([1] * rows), pa.array(["s"])]),
        lambda: pa.array(["a string of more than twelve bytes"] * rows, pa.string_view()),
        lambda: pa.array([b"bytes, more than twelve of them"] * rows, pa.binary_view()),
        lambda: pa.array([(1, 2, 3)] * rows, pa.month_day_nano_interval()),
    ])()


def write_table(name):
    rows = R.choice([0, 1, 2, 7, 33, 200])
    columns = [(f"c{i}", column(rows)) for i in range(R.randint(1, 6))]
    used = R.sample([key for key, _ in columns], R.randint(1, len(columns)))
    form = R.choice(["parquet", "file.arrow", "stream.arrow"])
    if form != "parquet":
        for i in range(R.randint(0, 3)):
            columns.insert(R.randint(0, len(columns)), (f"odd{i}", odd_column(rows)))
    table = pa.table(dict(columns))
    path = FOLDER / f"{name}.{form}"
    if form == "parquet":
        pq.write_table(table, path, compression=R.choice(["snappy", "none", "zstd", "gzip", "lz4", "brotli"]), row_group_size=R.choice([5, 50, 1000]),
                       data_page_version=R.choice(["1.0", "2.0"]), use_dictionary=R.random() < 0.5, store_decimal_as_integer=R.random() < 0.3)
    else:
        writer = pa.ipc.new_file if form == "file.arrow" else pa.ipc.new_stream
        with writer(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=R.choice([None, "lz4", "zstd"]))) as out:
            out.write_table(table, max_chunksize=R.choice([10, 1000]))
    return path.name, {"columns": used, "options": {}, "rows": [plain(row) for row in table.select(used).to_pylist()]}


def json_value(depth=0):
    numbers = [lambda: R.randint(-(2**70), 2**70), lambda: R.randint(-99, 99), lambda: 2**53 + R.randint(-3, 3), lambda: R.uniform(-1e3, 1e3),
               lambda: R.random() * 10.0 ** R.randint(-30, 30), lambda: float("nan"), lambda: float("-inf"), lambda: 5e-324]
    kind = R.random()
    if kind < 0.4 or depth > 3:
        return R.choice(numbers)()
    if kind < 0.7:
        return R.choice([*WORDS, None, True, False])
    if kind < 0.85:
        return [json_value(depth + 1) for _ in range(R.randint(0, 4))]
    return {R.choice(["a", "NaN", "data", 'k"']): json_value(depth + 1) for _ in range(R.randint(0, 4))}


def write_json(name):
    rows = [{"id": i, "v": json_value(), "w": json_value()} for i in range(R.randint(0, 6))]
    style = {"ensure_ascii": R.random() < 0.5, "indent": R.choice([None, 1, "\t"])}
    form = R.choice(["lines", "array", "wrapped", "sequence"])
    if form == "lines":
        text = "\r\n".join(json.dumps(row) for row in rows)
    elif form == "array":
        text = json.dumps(rows, **style)
    elif form == "wrapped":
        text = json.dumps({"meta": json_value(), "n": {"data": json_value()}, "data": rows, "tail": json_value()}, **style)
    else:
        text = "\n".join(json.dumps(row, indent=2) for row in rows)
    (FOLDER / f"{name}.json").write_text(R.choice(["", "\ufeff"]) + text, encoding="utf-8", newline="")
    return f"{name}.json", {"columns": ["id", "v", "w"], "options": {"field": "data"} if form == "wrapped" else {}, "rows": [plain(row) for row in rows]}


def write_csv(name):
    """Rows of another length than the header, and files that Python refuses, count as faults."""
    pieces = ["a", " ", '"', '""', ",", ",", "\n", "\r\n", "é", '"p,q"', '"l\nm"', '"r\r\ns"', "\t", "'", ""]
    text = "h1,h2,h3" + R.choice(["\n", "\r\n"]) + "".join(R.choice(pieces) for _ in range(R.randint(0, 30)))
    path = FOLDER / f"{name}.csv"
    path.write_text(R.choice(["", "\ufeff"]) + text, encoding="utf-8", newline="")
    rows, faults = [], 0
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in list(csv.reader(file, strict=True))[1:]:
                if len(row) == 3:
                    rows.append(dict(zip(["h1", "h2", "h3"], row)))
                elif row:
                    faults += 1
    except csv.Error:
        rows = None
    return path.name, {"columns": ["h1", "h2", "h3"], "options": {}, "rows": rows, "faults": faults}


FOLDER.mkdir(parents=True, exist_ok=True)
golden = dict(R.choice([write_table, write_table, write_json, write_csv])(f"f{i}") for i in range(COUNT))
(FOLDER / "golden.json").write_text(json.dumps(golden))
