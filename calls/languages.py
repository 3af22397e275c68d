"""By what PostgreSQL finds the stems of a language's words."""

# Language (ISO 639-1) → text search configuration; those that PostgreSQL has had since version 14.
_CONFIGURATIONS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# Words as they are, in lower case.
PLAIN = "simple"
CONFIGURATIONS = sorted(set(_CONFIGURATIONS.values()))


def configuration_of(language: str) -> str:
    """For a language as a call has it, "en" or "en-US"; PLAIN where PostgreSQL knows no stems."""
    return _CONFIGURATIONS.get(language.replace("_", "-").partition("-")[0].lower(), PLAIN)
