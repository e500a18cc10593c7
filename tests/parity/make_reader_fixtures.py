"""Writes tests/fixtures/readers: small Parquet, Arrow and Hugging Face dataset files, and golden.json with their rows.

Versions used: Python 3.11, pyarrow==26.0.1, datasets==5.2.0.

    python3 tests/parity/make_reader_fixtures.py [OUTPUT_FOLDER]
"""

import base64
import datetime
import decimal
import json
import shutil
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from pyarrow.parquet import encryption

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "readers"
ROWS = 25
SAFE = 2**53 - 1


def plain(value):
    """The value that the readers must give for a Python value."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE else str(value)
    if isinstance(value, datetime.datetime):
        text = value.isoformat().replace("+00:00", "")
        return (text.rstrip("0") if "." in text else text) + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {key: plain(part) for key, part in value}
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value


def table():
    """Columns of every kind, with nulls at different rows."""
    rows = range(ROWS)
    some = lambda values, step: [None if i % step == step - 1 else v for i, v in enumerate(values)]
    moment = lambda i: datetime.datetime(2024, 2, 29, 12, 0, 0, 1000 * i) + datetime.timedelta(days=i - 10)
    turns = [
        [{"role": role, "content": f"turn {t} of row {i} ü"} for t, role in enumerate(["user", "assistant"] * (i % 3))]
        for i in rows
    ]
    columns = {
        "text": pa.array(some([f"row {i}: naïve — 数学 😀" * (i % 4) for i in rows], 7)),
        "required": pa.array([f"r{i}" for i in rows]),
        "label": pa.array([["neg", "pos", "neutral"][i % 3] for i in rows]).dictionary_encode(),
        "small": pa.array([i - 12 for i in rows], pa.int8()),
        "unsigned": pa.array([2**32 - 1 - i for i in rows], pa.uint32()),
        "big": pa.array(some([2**53 + i - 12 for i in rows], 11), pa.int64()),
        "float": pa.array(some([i / 8 for i in rows], 5), pa.float32()),
        "double": pa.array([i / 3 for i in rows], pa.float64()),
        "flag": pa.array(some([i % 3 == 0 for i in rows], 4)),
        "words": pa.array(some([[None if j == 2 else f"w{j}" for j in range(i % 5)] for i in rows], 6)),
        "matrix": pa.array([[[j * k for k in range(j)] for j in range(i % 4)] for i in rows], pa.list_(pa.list_(pa.int64()))),
        "turns": pa.array(turns, pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        "answer": pa.array(
            some([{"text": f"a{i}", "start": i, "inner": {"x": None if i % 2 else i}} for i in rows], 8),
            pa.struct([("text", pa.string()), ("start", pa.int32()), ("inner", pa.struct([("x", pa.int64())]))]),
        ),
        "scores": pa.array([[(f"k{j}", j / 2) for j in range(1 + i % 2)] for i in rows], pa.map_(pa.string(), pa.float64())),
        "time": pa.array(some([moment(i) for i in rows], 9), pa.timestamp("us", tz="UTC")),
        "time_ms": pa.array([moment(i) for i in rows], pa.timestamp("ms")),
        "day": pa.array([moment(i).date() for i in rows]),
        "price": pa.array([decimal.Decimal(i) / 4 - 2 for i in rows], pa.decimal128(10, 2)),
        "blob": pa.array([bytes([i, 255, 0]) for i in rows]),
        "nothing": pa.nulls(ROWS),
    }
    fields = [pa.field(name, column.type, nullable=name != "required") for name, column in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def write_parquet(full, folder):
    """Every codec; pages of both versions; row groups; dictionaries and the other encodings."""
    for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
        pq.write_table(full, folder / f"{codec}.parquet", compression=codec, row_group_size=13, write_statistics=False)
    pq.write_table(full, folder / "pages_v2.parquet", data_page_version="2.0", data_page_size=64, write_batch_size=4, write_statistics=False)
    plain_text = full.select(["text", "required", "small", "big", "flag", "double", "words", "turns"])
    pq.write_table(plain_text, folder / "small_pages.parquet", use_dictionary=False, data_page_size=64, write_batch_size=2)
    encodings = {"text": "DELTA_BYTE_ARRAY", "required": "DELTA_LENGTH_BYTE_ARRAY", "small": "DELTA_BINARY_PACKED",
                 "big": "DELTA_BINARY_PACKED", "double": "BYTE_STREAM_SPLIT", "flag": "RLE"}
    coded = full.select(list(encodings))
    pq.write_table(coded, folder / "encodings.parquet", use_dictionary=False, column_encoding=encodings, data_page_version="2.0")


def write_arrow(full, folder):
    """The file and the stream format in batches, with types that only Arrow has: views and large types."""
    with pa.ipc.new_file(folder / "file.arrow", full.schema) as writer:
        writer.write_table(full, max_chunksize=10)
    with pa.ipc.new_stream(folder / "stream.arrow", full.schema) as writer:
        writer.write_table(full, max_chunksize=10)
    large = pa.table({
        "text": full["text"].cast(pa.large_string()),
        "view": full["text"].cast(pa.string_view()),
        "words": full["words"].cast(pa.large_list(pa.string())),
        "pair": pa.array([[i, i + 1] for i in range(ROWS)], pa.list_(pa.int16(), 2)),
        "half": pa.array([i / 4 for i in range(ROWS)], pa.float16()),
        "time_ns": full["time_ms"].cast(pa.timestamp("ns")),
        "time_s": full["time_ms"].cast(pa.timestamp("s"), safe=False),
    })
    pa.feather.write_feather(large, folder / "zstd.feather", compression="zstd", chunksize=10)
    pa.feather.write_feather(large, folder / "lz4.feather", compression="lz4")
    return large


def write_exact(folder):
    """Numbers that JavaScript would round, of each stored form; in the Arrow file between columns of types we do not read."""
    rows = range(5)
    decimals = lambda digits, scale: [decimal.Decimal((10**digits - 1 - i) * (-1) ** i).scaleb(-scale, decimal.Context(prec=100)) for i in rows]
    exact = pa.table({
        "text": pa.array([f"t{i}" for i in rows]),
        "id": pa.array([2**63 - 1 - i for i in rows], pa.int64()),
        "hash": pa.array([2**64 - 1 - i for i in rows], pa.uint64()),
        "price": pa.array(decimals(9, 2), pa.decimal128(9, 2)),
        "sum": pa.array(decimals(18, 4), pa.decimal128(18, 4)),
        "big": pa.array(decimals(38, 20), pa.decimal128(38, 20)),
        "huge": pa.array(decimals(76, 50), pa.decimal256(76, 50)),
        "list": pa.array([decimals(12, 3)[:i] for i in rows], pa.list_(pa.decimal128(12, 3))),
        "bytes": pa.array([f"ü{i}".encode() for i in rows], pa.binary()),
    })
    pq.write_table(exact, folder / "exact.parquet", use_dictionary=["price", "big"])
    pq.write_table(exact.drop(["huge"]), folder / "exact_integers.parquet", store_decimal_as_integer=True)
    odd = {
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array(["x", "y"])),
        "view": pa.array([[1, 2]] * 5, pa.list_view(pa.int32())),
        "dense": pa.UnionArray.from_dense(pa.array([0, 1, 0, 1, 0], pa.int8()), pa.array([0, 0, 1, 1, 2], pa.int32()), [pa.array([1, 2, 3]), pa.array(["s", "t"])]),
        "sparse": pa.UnionArray.from_sparse(pa.array([0] * 5, pa.int8()), [pa.array([1] * 5), pa.array(["s"] * 5)]),
        "label": pa.array(["a", "b"] * 2 + ["a"]).dictionary_encode(),
        "views": pa.array(["a string longer than twelve bytes"] * 5, pa.string_view()),
        "interval": pa.array([(1, 2, 3)] * 5, pa.month_day_nano_interval()),
        "nothing": pa.nulls(5),
    }
    names = [name for pair in zip(odd, exact.column_names) for name in pair] + exact.column_names[len(odd):]
    mixed = pa.table({name: odd[name] if name in odd else exact[name] for name in names})
    for name, new_file in [("odd.arrow", pa.ipc.new_file), ("odd_stream.arrow", pa.ipc.new_stream)]:
        with new_file(folder / name, mixed.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(mixed, max_chunksize=3)
    return exact


class LocalKeys(encryption.KmsClient):
    """Keys that are not secret."""

    def __init__(self, _config):
        super().__init__()

    def wrap_key(self, key, _master):
        return base64.b64encode(key)

    def unwrap_key(self, wrapped, _master):
        return base64.b64decode(wrapped)


def write_encrypted(folder):
    """A file with one encrypted column and a plain footer."""
    table = pa.table({"secret": ["s1", "s2"], "text": ["one", "two"]})
    factory = encryption.CryptoFactory(LocalKeys)
    config = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["secret"]}, plaintext_footer=True)
    keys = factory.file_encryption_properties(encryption.KmsConnectionConfig(), config)
    with pq.ParquetWriter(folder / "encrypted_column.parquet", table.schema, encryption_properties=keys) as writer:
        writer.write_table(table)


def write_dataset(folder):
    """A dictionary of two splits, one of them in two files."""
    rows = lambda n: {"id": list(range(n)), "question": [f"q{i} ü" for i in range(n)], "answers": [["a"] * (i % 3) for i in range(n)]}
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows(7)), "test": datasets.Dataset.from_dict(rows(2))})
    splits.save_to_disk(folder / "saved", num_shards={"train": 2, "test": 1})
    return {name: [plain(row) for row in split] for name, split in splits.items()}


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    full = table()
    write_parquet(full, folder)
    write_encrypted(folder)
    large = write_arrow(full, folder)
    golden = {
        "full": [plain(row) for row in full.to_pylist()],
        "large": [plain(row) for row in large.to_pylist()],
        "exact": [plain(row) for row in write_exact(folder).to_pylist()],
        "saved": write_dataset(folder),
    }
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
