"""How Django writes times where no template says how, as in the admin; crm/static/crm/admin.js reads them there."""

DATETIME_FORMAT = r"j M Y, H:i:s \U\T\C"
