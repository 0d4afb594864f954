"""Which recipients belong to a pair of link and network."""

from bridge.app.health import network_of, prefixes_of
from bridge.routing.networks import Network, NetworkTable

NETWORKS = NetworkTable([Network("46701", "24001"), Network("467012", "24002"), Network("44", "23410")])


def test_the_network_of_leading_digits_is_its_code_else_its_country() -> None:
    assert network_of("4670174", NETWORKS) == "24001"
    assert network_of("4670124", NETWORKS) == "24002"
    assert network_of("4673124", NETWORKS) == "SE"
    assert network_of("1416555", NETWORKS) == "CA"


def test_the_prefixes_of_a_network_are_its_own_and_no_others() -> None:
    assert prefixes_of("24001", NETWORKS) == {"46701": True, "467012": False, "44": False}
    assert prefixes_of("SE", NETWORKS) == {"46": True, "46701": False, "467012": False, "44": False}
    assert prefixes_of("", NETWORKS) == {"46701": False, "467012": False, "44": False}
