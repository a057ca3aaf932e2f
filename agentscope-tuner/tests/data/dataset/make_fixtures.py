"""Writes small datasets of every layout and format, and what `datasets.load_dataset` makes of them.

    pip install datasets zstandard
    python make_fixtures.py

Made with datasets 5.2.0. `cases/<name>/` is a dataset, `expected/<name>.json` a list of
{"subset", "split", "rows"}, or {"subset", "split", "error"} where `datasets` refuses.
"""

import datetime
import decimal
import gzip
import json
import math
import pathlib
import shutil
import tempfile

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

HERE = pathlib.Path(__file__).parent
CASES, EXPECTED = HERE / "cases", HERE / "expected"
datasets.disable_progress_bars()


def lines(start, stop, tag="q"):
    return "".join(json.dumps({"id": n, "text": f"{tag}{n}"}) + "\n" for n in range(start, stop))


def csv(start, stop):
    return "id,text\n" + "".join(f"{n},t{n}\n" for n in range(start, stop))


def gz(text):
    return gzip.compress(text if isinstance(text, bytes) else text.encode(), mtime=0)


def zst(text):
    return zstandard.compress(text if isinstance(text, bytes) else text.encode())


def parquet(table, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def ipc(table, new):
    sink = pa.BufferOutputStream()
    with new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()


def small(start, stop):
    return pa.table({"id": list(range(start, stop)), "text": [f"p{n}" for n in range(start, stop)]})


def typed():
    day = datetime.datetime(2024, 2, 29, 12, 30, 15)
    precise = day.replace(microsecond=123456)
    return pa.table(
        {
            "int64": pa.array([2**63 - 1, -(2**63), None]),
            "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "int8": pa.array([-128, 127, None], pa.int8()),
            "float64": pa.array([0.1, float("nan"), 1e300]),
            "float32": pa.array([0.5, -2.25, None], pa.float32()),
            "bool": pa.array([True, False, None]),
            "string": pa.array(["é\n\"", "", None]),
            "large_string": pa.array(["a", "b", None], pa.large_string()),
            "binary": pa.array([b"\x00\xff", b"", None]),
            "date": pa.array([day.date(), day.date(), None]),
            "timestamp_s": pa.array([day, day, None], pa.timestamp("s")),
            "timestamp_us": pa.array([precise, day, None], pa.timestamp("us")),
            "timestamp_utc": pa.array([precise, day, None], pa.timestamp("us", tz="UTC")),
            "timestamp_zone": pa.array([precise, day, None], pa.timestamp("ms", tz="Europe/Berlin")),
            "time": pa.array([day.time(), day.time(), None], pa.time32("s")),
            "list": pa.array([[1, None, 3], [], None]),
            "struct": pa.array([{"a": 1, "b": [{"c": "x"}, None]}, {"a": None, "b": []}, None]),
            "nested": pa.array([[[1], []], None, [[2, 3]]]),
            "decimal": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-0.25"), None]),
            "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
            "null": pa.nulls(3),
        }
    )


MESSY = (
    'int,nullable,float,bool,text,mixed,"quoted, ""name""",dup,dup,zip,big,void,spaced\n'
    '1,1,1.5,True,a,1,"x,\ny",1,2,01234,9223372036854775807,, 1\n'
    '-2,,2,false,None,x,"say ""hi""",3,4,00001,18446744073709551615,NA,2 \n'
    "\n"
    "+3,3,.5,TRUE,null,2.5,plain,5,6,7,1,null,3\n"
)

CONFIGS = """---
license: mit
configs:
- config_name: easy
  data_files: easy/*.jsonl
- config_name: hard
  default: true
  data_files:
  - split: train
    path:
    - hard/b.jsonl
    - "hard/a.*"
  - split: test
    path: hard/held-out/**
- config_name: listed
  data_files: [hard/a.jsonl, easy/one.jsonl]
- config_name: folder
  data_dir: folder
- config_name: folder_files
  data_dir: folder
  data_files: "*.jsonl"
- config_name: hidden
  data_files: .hidden/*.jsonl
---
# A card
"""

DATASETS = {
    "file-names": {"train.jsonl": lines(0, 5), "test.jsonl": lines(5, 8), "README.md": "# Card\n", "LICENSE": "MIT"},
    "directories": {
        "train/b.jsonl": lines(2, 4),
        "train/a.jsonl": lines(0, 2),
        "val/deep/c.jsonl": lines(4, 6),
        "outside.jsonl": lines(6, 8),
    },
    "keywords": {
        "my-training-0.csv": csv(0, 2),
        "train_1.csv": csv(2, 3),
        "dev set.csv": csv(3, 4),
        "x.eval.csv": csv(4, 5),
        "latest.csv": csv(5, 6),
        "Train.csv": csv(6, 7),
    },
    "prefixed-directories": {"my-train-v2/a.jsonl": lines(0, 2), "evaluation/a.jsonl": lines(2, 3)},
    "no-keyword": {"b.jsonl": lines(2, 4), "a.jsonl": lines(0, 2), "sub/c.jsonl": lines(4, 5)},
    "shards": {
        "data/train-00001-of-00002.parquet": parquet(small(3, 5)),
        "data/train-00000-of-00002.parquet": parquet(small(0, 3)),
        "data/odd_ones-00000-of-00001.parquet": parquet(small(5, 7)),
        "data/extra.parquet": parquet(small(7, 9)),
    },
    "configs": {
        "README.md": CONFIGS,
        "easy/one.jsonl": lines(0, 2),
        "easy/two.jsonl": lines(2, 3),
        "hard/a.jsonl": lines(3, 5),
        "hard/b.jsonl": lines(5, 6),
        "hard/held-out/x/c.jsonl": lines(6, 8),
        "folder/train.jsonl": lines(8, 9),
        "folder/dev.jsonl": lines(9, 10),
        ".hidden/h.jsonl": lines(10, 11),
    },
    "single-config": {
        "README.md": "---\nconfigs:\n- config_name: only\n  data_files: a.jsonl\n---\n",
        "a.jsonl": lines(0, 2),
        "b.jsonl": lines(2, 4),
    },
    "standalone-yaml": {
        ".huggingface.yaml": "configs:\n- config_name: only\n  data_files: b.jsonl\n",
        "a.jsonl": lines(0, 2),
        "b.jsonl": lines(2, 4),
    },
    "json-array": {"train.json": json.dumps([{"a": 1, "b": [1, {"c": "}]"}]}, {"a": 2, "b": []}], indent=1)},
    "json-strings": {"train.json": '["one", "t\\"wo"]'},
    "json-lines-in-json": {"train.json": lines(0, 3)},
    "json-array-in-jsonl": {"train.jsonl": json.dumps([{"a": 1}, {"a": 2}])},
    "jsonl-nested": {
        "train.jsonl": '{"m": [{"role": "user", "n": 1}, {"role": "tool"}], "x": null}\n'
        '{"m": [], "x": 9007199254740993, "late": true}\n'
    },
    "jsonl-blank-lines": {"train.jsonl": '{"a": 1}\n\n{"a": 2}\r\n \n{"a": 3}'},
    "jsonl-mark": {"train.jsonl": "\ufeff" + lines(0, 2)},
    "ndjson": {"train.ndjson": lines(0, 2)},
    "csv-types": {"train.csv": MESSY},
    "csv-shards": {"train-1.csv": csv(0, 2), "train-2.csv": csv(2, 4)},
    "csv-mark": {"train.csv": "\ufeff" + csv(0, 2)},
    "csv-crlf": {"train.csv": csv(0, 3).replace("\n", "\r\n")},
    "tsv": {"train.tsv": "a\tb\n1\tx y\n2\t\"t\tab\"\n"},
    "text": {"train.txt": "one\r\n\ntwo\rthree\n  four  "},
    "compressed": {
        "train-0.jsonl.gz": gz(lines(0, 2)) + gz(lines(2, 4)),
        "train-1.jsonl.zst": zst(lines(4, 6)),
        "train-2.jsonl": lines(6, 8),
    },
    "compressed-csv": {"train.csv.gz": gz(csv(0, 2)), "test.csv.zst": zst(csv(2, 4))},
    "compressed-text": {"train.txt.gz": gz("a\nb\n"), "test.txt.zst": zst("c\n")},
    "compressed-json": {"train.json.zst": zst(json.dumps([{"a": 1}, {"a": 2}]))},
    "compressed-parquet": {"train.parquet.gz": gz(parquet(small(0, 3))), "test.parquet.zst": zst(parquet(small(3, 4)))},
    "arrow": {"train.arrow": ipc(small(0, 5), pa.ipc.new_stream), "test.arrow": ipc(small(5, 8), pa.ipc.new_file)},
    "parquet-types": {"train.parquet": parquet(typed(), store_schema=True)},
    "arrow-types": {"train.arrow": ipc(typed().drop_columns(["dictionary"]), pa.ipc.new_stream)},
    "parquet-codecs": {
        f"train-{codec}.parquet": parquet(small(n, n + 2), compression=codec, row_group_size=1)
        for n, codec in enumerate(["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
    },
    "mixed-formats": {"a.csv": csv(0, 2), "b.jsonl": lines(2, 3), "c.csv": csv(3, 4), "d.txt": "x\n"},
    "mixed-draw": {"a.csv": csv(0, 2), "b.jsonl": lines(2, 3)},
    "not-data": {
        "a.jsonl": lines(0, 2),
        ".b.jsonl": lines(2, 3),
        ".cache/c.jsonl": lines(3, 4),
        "__pycache__/d.jsonl": lines(4, 5),
        "config.json": "{}",
        "dataset_info.json": "{}",
    },
    "slices": {"train.jsonl": lines(0, 250), "test.jsonl": lines(250, 257)},
}

SLICES = [
    "train[:3]", "train[247:]", "train[-2:]", "train[:-248]", "train[-5:-3]", "train[1%:2%]", "train[50%:51%]",
    "train[-1%:]", "train[:1%]", "train[99%:]", "train[1%:2%](pct1_dropremainder)", "test[:50%]", "test[33%:66%]",
    "test[-15%:]", "test[5:100]", "test+train[:1]", "train[:1] + test[-1:]", "test[-100:2]", "test[1_0:]", "test[5:5]",
    "nope", "train[:1", "train[:101%]", "test[:10%](pct1_dropremainder)",
]  # fmt: skip


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def load(path, cache, subset, split):
    try:
        loaded = datasets.load_dataset(str(path), subset, split=split, cache_dir=cache)
    except Exception as error:
        return [{"subset": subset, "split": split, "error": type(error).__name__}]
    by_split = loaded if split is None else {split: loaded}
    return [{"subset": subset, "split": name, "rows": plain(rows.to_list())} for name, rows in by_split.items()]


def main():
    for folder in (CASES, EXPECTED):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for name, files in DATASETS.items():
        root = CASES / name
        for file, content in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with tempfile.TemporaryDirectory() as cache:
            loads = [(None, None)]
            if name == "configs":
                loads += [(subset, None) for subset in ("easy", "listed", "folder", "folder_files", "hidden", "none")]
            if name == "slices":
                loads = [(None, split) for split in SLICES]
            if name == "file-names":
                loads += [("default", None), ("other", None), (None, "all")]
            found = [entry for subset, split in loads for entry in load(root, cache, subset, split)]
        (EXPECTED / f"{name}.json").write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n")
        print(name, [entry.get("error") or len(entry["rows"]) for entry in found])


if __name__ == "__main__":
    main()
