"""Writes the built-in rules down for companies that are there already, so that they can be edited."""

from typing import Any

from django.db import migrations

from audio.analysis.suspicion import DEFAULT_RULES


def write_rules(apps: Any, schema_editor: Any) -> None:
    rules = apps.get_model("audio", "SuspicionRule")
    for tenant_id in apps.get_model("crm", "Tenant").objects.values_list("pk", flat=True):
        rules.objects.bulk_create(
            rules(
                tenant_id=tenant_id,
                name=rule.name,
                kind=rule.kind,
                weight=rule.weight,
                threshold=rule.threshold,
                phrases="\n".join(rule.phrases),
            )
            for rule in DEFAULT_RULES
        )


class Migration(migrations.Migration):
    dependencies = [("audio", "0006_hearing")]

    operations = [migrations.RunPython(write_rules, migrations.RunPython.noop)]
