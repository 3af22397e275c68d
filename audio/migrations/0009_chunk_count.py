from django.db import migrations, models

COUNT = """
UPDATE audio_audiosession SET chunk_count = counted.number
FROM (
    SELECT session_id, count(*) AS number FROM audio_audiochunk WHERE upload_status = 'uploaded' GROUP BY session_id
) AS counted
WHERE audio_audiosession.id = counted.session_id
"""


class Migration(migrations.Migration):
    dependencies = [("audio", "0008_chunk_peaks")]

    operations = [
        migrations.AddField(
            model_name="audiosession",
            name="chunk_count",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
