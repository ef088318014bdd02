"""Reads a folder's junit.xml, metrics.txt and gitlab.json with the parsers of others, and prints what they understood."""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

folder, schema = Path(sys.argv[1]), Path(sys.argv[2])

suites = JUnitXml.fromfile(str(folder / "junit.xml"))
cases = [case for suite in suites for case in suite]
results = [result for case in cases for result in case.result]

families = list(text_string_to_metric_families((folder / "metrics.txt").read_text(encoding="utf-8")))
samples = [sample for family in families for sample in family.samples]

issues = json.loads((folder / "gitlab.json").read_text(encoding="utf-8"))
Draft202012Validator.check_schema(json.loads(schema.read_text()))
Draft202012Validator(json.loads(schema.read_text())).validate(issues)
prints = [issue["fingerprint"] for issue in issues]
assert len(prints) == len(set(prints)), "two issues share a fingerprint"

print(json.dumps({
    "tests": len(cases),
    "failures": sum(type(r).__name__ == "Failure" for r in results),
    "skipped": sum(type(r).__name__ == "Skipped" for r in results),
    "declared": [suites.tests, suites.failures, suites.skipped],
    "features": sorted({s.labels["feature"] for s in samples if s.name == "farebox_feature_monthly"}),
    "monthly": {s.labels["side"]: str(s.value) for s in samples if s.name == "farebox_monthly"},
    "issues": len(issues),
}))
