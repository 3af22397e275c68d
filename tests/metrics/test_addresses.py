import ipaddress
import socket

import pytest

from metrics import addresses
from metrics.addresses import PrivateAddress, UnknownHost


@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "::ffff:0:127.0.0.1",
        "::ffff:0:a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:0:0:0:0:80ff:fffe",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "localhost",
        "Web.LOCALHOST.",
    ],
)
def test_what_leads_into_a_private_network_is_known_however_it_is_written(written):
    assert addresses.is_private_by_name(written)
    with pytest.raises((PrivateAddress, UnknownHost)):
        addresses.resolve(written, 80, to_private=False)


@pytest.mark.parametrize("written", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_what_the_whole_internet_may_ask_may_be_asked(written):
    assert not addresses.is_private_by_name(written)
    assert addresses.resolve(written, 443, to_private=False) == [str(ipaddress.ip_address(written))]


def test_one_private_address_of_several_is_enough_to_refuse_a_name(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(PrivateAddress):
        addresses.resolve("two.example", 443, to_private=False)
    assert addresses.resolve("two.example", 443, to_private=True) == ["8.8.8.8", "10.0.0.1"]


def test_a_name_that_nobody_has_is_unknown_and_not_private():
    with pytest.raises(UnknownHost):
        addresses.resolve("nowhere.invalid", 443, to_private=False)
    assert not addresses.is_private_by_name("nowhere.invalid")
