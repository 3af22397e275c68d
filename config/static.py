from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class StaticFiles(ManifestStaticFilesStorage):
    """Static files under names that carry their content's hash, so that browsers may keep them for ever.

    ES modules import each other by hashed names too.
    """

    support_js_module_import_aggregation = True
