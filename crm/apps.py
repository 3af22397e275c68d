from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DeskConfig(AppConfig):
    name = "crm"
    verbose_name = "People and access"
    default = True


class DeskAdminConfig(admin_apps.AdminConfig):
    default_site = "crm.site.DeskSite"
    default = False
