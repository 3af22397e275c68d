"""Makes tenants and the people in them, and changes who may do what."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.utils import timezone

from audio import suspicion
from calls import live as calls_live
from crm import forgotten, live
from crm.errors import CompanyNameTaken, LastAdmin, UnknownPerson, UsernameTaken
from crm.models import Tenant, Token, User
from crm.models.people import UserQuerySet, new_seal
from crm.roles import Role
from metrics import person_keys

# Far above any id we give, far below what the database would choke on.
HIGHEST_ID = 2**63 - 1
_NOT_THERE = "There is nobody with this id in your company."


def create_tenant(name: str, *, admin: str, password: str) -> tuple[Tenant, User]:
    """A tenant and its first admin. Raises ValidationError for a weak password, IntegrityError for a taken name."""
    person = User(username=admin, role=Role.ADMIN)
    validate_password(password, person)
    with transaction.atomic():
        person.tenant = Tenant.objects.create(name=name)
        # So that they can be edited; without rows the same rules hold.
        suspicion.make_rules(person.tenant.pk)
        person.set_password(password)
        person.save(force_insert=True)
    return person.tenant, person


def rename_tenant(tenant: Tenant, name: str) -> None:
    """Raises CompanyNameTaken when another tenant is called so."""
    try:
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(name=name)
    except IntegrityError as taken:
        raise CompanyNameTaken("Another company here has this name.", fields={"name": [name]}) from taken
    tenant.name = name


def find(seeker: User, person_id: int) -> User:
    """Somebody of the seeker's own company. Raises UnknownPerson."""
    person = User.objects.of(seeker.tenant_id).filter(pk=person_id).first() if person_id <= HIGHEST_ID else None
    if person is None:
        raise UnknownPerson(_NOT_THERE)
    return person


def names_of(tenant_id: int, person_ids: Iterable[int]) -> dict[int, str]:
    """Person's id → name, of those who are of the company."""
    found = User.objects.of(tenant_id).filter(pk__in=[one for one in person_ids if 0 < one <= HIGHEST_ID])
    return {person.pk: str(person) for person in found}


def colleagues(tenant_id: int) -> UserQuerySet:
    """Those of a company who can sign in."""
    return User.objects.of(tenant_id).filter(is_active=True).order_by("first_name", "last_name", "username")


def add(
    tenant: Tenant,
    *,
    username: str,
    role: str,
    name: str = "",
    email: str = "",
    is_active: bool = True,
    number: int | None = None,
) -> User:
    """Somebody new, who has no password yet. Raises UsernameTaken.

    `number` is the id that they had elsewhere, which the caller knows to be free. Raises UnknownPerson when it is that
    of somebody who has been erased.
    """
    person = User(
        username=User.normalize_username(username), role=role, email=email, tenant=tenant, is_active=is_active
    )
    person.name = name
    person.set_unusable_password()
    try:
        with transaction.atomic():
            if number is not None and forgotten.is_forgotten(tenant.pk, person_keys.of_user(number)):
                raise UnknownPerson(_NOT_THERE)
            person.pk = number or forgotten.unused_id(User, tenant.pk, person_keys.of_user)
            person.save(force_insert=True)
    except IntegrityError as taken:
        raise UsernameTaken("This username is taken.", fields={"username": ["This username is taken."]}) from taken
    return person


def change(
    person: User,
    *,
    name: str | None = None,
    email: str | None = None,
    role: str | None = None,
    is_active: bool | None = None,
) -> User:
    """The person as they are then; what is None stays. A role holds from the next request on, and whoever is
    deactivated is out of every browser and program at once. Tokens end where a role becomes an integration's or
    ceases to be.

    Raises LastAdmin rather than leave a company without one, and UnknownPerson for somebody who has been erased.
    """
    with transaction.atomic():
        if forgotten.is_forgotten(person.tenant_id, person_keys.of_user(person.pk)):
            raise UnknownPerson(_NOT_THERE)
        with leaving_an_admin(person.tenant, whose="your"):
            person = User.objects.select_related("tenant").get(pk=person.pk)
            before = _shown(person)
            if name is not None:
                person.name = name
            if email is not None:
                person.email = email
            if role is not None and role != person.role:
                _change_role(person, role)
            if is_active is not None and is_active != person.is_active:
                person.is_active = is_active
                # What was open before stays closed when they come back.
                person.session_seal = new_seal()
                live.rights_changed(person.pk)
            person.save()
            if _shown(person) != before:
                shown_otherwise(person)
    return person


def _shown(person: User) -> tuple[str, str]:
    return str(person), person.email


def shown_otherwise(person: User) -> None:
    """Have whoever looks at calls see what this person is called now, wherever calls name them. Never raises."""
    if person.tenant_id is not None:
        calls_live.much_changed(person.tenant_id)


@contextmanager
def leaving_an_admin(tenant: Tenant | None, *, whose: str) -> Iterator[None]:
    """Around a change of somebody in a company: raises LastAdmin rather than leave it without an active admin.

    One change at a time in a company, so that two admins do not demote each other in the same moment. `whose` company
    it is to the reader: "your" or "the".
    """
    if tenant is None:
        yield
        return
    admins = User.objects.of(tenant.pk).admins()
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        had_one = admins.exists()
        yield
        if had_one and not admins.exists():
            raise LastAdmin(f"This is the last active admin of {whose} company. Make somebody else an admin first.")


def _change_role(person: User, role: str) -> None:
    close_former_doors(person, former=person.role, role=role)
    person.role = role
    live.rights_changed(person.pk)


def close_former_doors(person: User, *, former: str, role: str) -> None:
    """Whoever becomes a program, or a program that becomes somebody, gets in by nothing that opened before.

    A program comes with a token, so the password somebody knew is worth nothing any more; and a token that an admin
    made for a program must not act as a person. The caller saves the person.
    """
    if former == role or Role.INTEGRATION not in {former, role}:
        return
    if role == Role.INTEGRATION:
        person.set_unusable_password()
    _revoke_tokens(person)


def _revoke_tokens(person: User) -> None:
    Token.objects.of(person).update(revoked_at=timezone.now())


def sign_out_everywhere(person: User, *, revoke_tokens: bool = False) -> None:
    """End every browser session of a person at once and void their open sign-in links; on request, all tokens too."""
    with transaction.atomic():
        person.session_seal = new_seal()
        person.save(update_fields=["session_seal"])
        if revoke_tokens:
            _revoke_tokens(person)
        live.rights_changed(person.pk)
