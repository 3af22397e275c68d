"""docker-compose.yml, what is laid over it, and the Dockerfile, read as Docker reads them; there is none to ask."""

import re
import shlex

import yaml

from tests.running import ROOT

# What `.env` has to hold.
VARIABLES = {"DOMAIN": "calls.example.com"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = COMPOSE["x-application"]["image"]
# What is there when nothing else is may be a blank itself.
_BLANK = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>(?:[^{}]|\{[^{}]*\})*))?\}")


class Instead(dict):
    """A mapping that stands in the place of the one it is laid over, and is not merged with it: `!override`."""


class InsteadOfList(list):
    """The same of a list."""


class _Loader(yaml.SafeLoader):
    pass


def _instead(loader, node):
    if isinstance(node, yaml.SequenceNode):
        return InsteadOfList(loader.construct_sequence(node, deep=True))
    return Instead(loader.construct_mapping(node, deep=True))


_Loader.add_constructor("!override", _instead)


def laid_over(under, text):
    """`under` with another file's words over it, as Compose merges mappings. Lists are not merged here: none may be."""
    return _merged(under, yaml.load(text, _Loader))  # noqa: S506 - a safe one


def _merged(under, over):
    if not (isinstance(under, dict) and isinstance(over, dict)) or isinstance(over, Instead):
        assert not (isinstance(under, list) and under) or isinstance(over, InsteadOfList), over
        return over
    return under | {name: _merged(under[name], one) if name in under else one for name, one in over.items()}


def filled(value, variables=VARIABLES):
    """The value with its `${…}` filled in, at every depth. Raises KeyError for one that has to be set and is not."""
    if isinstance(value, dict):
        return {name: filled(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def fill(blank):
        if blank[0] == "$$":
            return "$"
        if blank["how"] == ":-":
            return variables.get(blank["name"]) or filled(blank["rest"], variables)
        return variables[blank["name"]]

    return _BLANK.sub(fill, value)


def of_ours():
    """Name → service, of those that run our own image."""
    return {name: service for name, service in SERVICES.items() if service["image"] == OURS}


def is_job(service):
    return service["restart"] == "no"


def secrets_of(service):
    """The names of the secrets that a service is given."""
    return set(service.get("secrets", []))


def instructions():
    """The Dockerfile's (instruction, words after it), in order."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.strip().split(maxsplit=1)) for line in lines if line.strip()]


def image_environment():
    """What the image's last stage sets."""
    found = {}
    for instruction, words in instructions():
        if instruction == "FROM":
            found = {}
        if instruction == "ENV":
            found |= dict(word.split("=", 1) for word in shlex.split(words))
    return found
