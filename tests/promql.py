"""What an expression asks of Prometheus: which series, by which labels, and which labels its answer has."""

import re
from dataclasses import dataclass, field

import promql_parser as promql

# Prometheus gives every series it reads the labels of whence it was read, and makes these two by itself.
OF_TARGET = frozenset({"instance", "job"})


@dataclass(frozen=True)
class Family:
    """`values`: label → the values that it is known to have; None for one that may have any."""

    labels: frozenset
    values: dict = field(default_factory=dict)


class Unknown(AssertionError):
    """A series or a label that nobody exposes."""


class Asked:
    def __init__(self, families):
        self.families = families

    def labels(self, expression):
        """The labels of what the expression answers. Raises Unknown, and ValueError for what does not parse."""
        return self._of(promql.parse(expression))

    def _of(self, node):
        kind = type(node)
        if kind is promql.VectorSelector:
            return self._of_selector(node)
        if kind is promql.MatrixSelector:
            return self._of_selector(node.vector_selector)
        if kind is promql.AggregateExpr:
            return self._of_aggregate(node)
        if kind is promql.Call:
            found = [labels for labels in map(self._of, node.args) if labels is not None]
            labels = found[-1] if found else None
            if node.func.name == "histogram_quantile":
                if "le" not in labels:
                    raise Unknown("a quantile of what has no buckets")
                labels -= {"le"}
            return labels
        if kind is promql.BinaryExpr:
            left, right = self._of(node.lhs), self._of(node.rhs)
            if left is not None and right is not None and left != right:
                raise Unknown(f"the sides of {node.op} go by {sorted(left)} and {sorted(right)}")
            return right if left is None else left
        if kind in {promql.ParenExpr, promql.UnaryExpr, promql.SubqueryExpr}:
            return self._of(node.expr)
        return None

    def _of_selector(self, selector):
        family = self.families.get(selector.name)
        if family is None:
            raise Unknown(f"no series is called {selector.name}")
        for matcher in selector.matchers.matchers:
            if matcher.name not in family.labels:
                raise Unknown(f"{selector.name} has no label {matcher.name}")
            known = family.values.get(matcher.name)
            if known is not None:
                self._check(selector.name, matcher, known)
        return family.labels

    def _check(self, series, matcher, known):
        """Each of what a matcher names is there: of a pattern, each of the words between its bars."""
        is_pattern = matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
        for word in matcher.value.split("|") if is_pattern else [matcher.value]:
            pattern = re.compile(word if is_pattern else re.escape(word))
            if not any(pattern.fullmatch(value) for value in known):
                raise Unknown(f"{series} has no {matcher.name} of {word}")

    def _of_aggregate(self, node):
        labels = self._of(node.expr)
        modifier = node.modifier
        if str(node.op) in {"topk", "bottomk"}:
            return labels
        if modifier is None:
            return frozenset()
        named = frozenset(modifier.labels)
        if named - labels:
            raise Unknown(f"{sorted(named - labels)} are no labels of what is added up")
        return named if modifier.type == promql.AggModifierType.By else labels - named


OWN = {"up": Family(OF_TARGET), "ALERTS": Family(OF_TARGET | {"alertname", "alertstate", "severity"})}
