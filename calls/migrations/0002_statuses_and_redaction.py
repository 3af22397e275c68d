import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0001_number_calls'),
        ('crm', '0005_find_unanchored_blocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='RedactionPolicy',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='redaction_policy', serialize=False, to='crm.tenant')),
                ('redact_cards', models.BooleanField(default=True, verbose_name='payment cards')),
                ('redact_accounts', models.BooleanField(default=True, verbose_name='bank accounts')),
                ('redact_emails', models.BooleanField(default=True, verbose_name='e-mail addresses')),
                ('redact_phones', models.BooleanField(default=True, verbose_name='phone numbers')),
                ('redact_spoken_digits', models.BooleanField(default=True, help_text='Digit by digit, as cards and codes are read out.', verbose_name='long numbers that are spoken')),
                ('keep_originals', models.BooleanField(default=True, help_text='For those who may read originals; each reading is written into the audit log. Otherwise it is gone for good the moment it is heard.', verbose_name='keep what is masked')),
            ],
            options={
                'verbose_name_plural': 'redaction policies',
            },
        ),
        migrations.CreateModel(
            name='CallStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('description', models.CharField(blank=True, default='', max_length=400)),
                ('color', models.CharField(default='#7c8595', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-fA-F]{6}\\Z', 'A colour is written #rrggbb.')])),
                ('position', models.PositiveIntegerField(default=0)),
                ('deleted', models.BooleanField(default=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='call_statuses', to='crm.tenant')),
            ],
            options={
                'verbose_name_plural': 'call statuses',
                'ordering': ['tenant', 'position', 'id'],
                'indexes': [models.Index(fields=['tenant', 'deleted', 'position'], name='call_status_of_tenant')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted', False)), fields=('tenant', 'name'), name='call_status_once_by_name')],
            },
        ),
    ]
