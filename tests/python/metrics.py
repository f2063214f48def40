"""Read metrics from stdin with Prometheus' own parser, and print the type of each family as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
for family in families:
    if family.type == "histogram":
        series = {}
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            key = json.dumps(labels, sort_keys=True)
            series.setdefault(key, {}).setdefault(sample.name, []).append(sample.value)
        for samples in series.values():
            buckets = samples[family.name + "_bucket"]
            assert buckets == sorted(buckets), buckets
            assert buckets[-1] == samples[family.name + "_count"][0], samples
print(json.dumps({family.name: family.type for family in families}))
