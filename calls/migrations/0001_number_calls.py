from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.RunSQL("CREATE SEQUENCE calls_number", "DROP SEQUENCE calls_number"),
    ]
