"""Random settings in the form of a stack's config: most are valid, some must be refused."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(min_size=1, max_size=12)
# Characters with a meaning in one of the files, in pairs.
SHARP = st.text("$\\'\"`{}%#;=<>&|!\n\t ~*?[]()éß語😀", min_size=1, max_size=8)
NAMES = TEXT | SHARP | st.just("Default")
SECONDS = st.builds("{}{}".format, st.integers(0, 12000), st.sampled_from(["s", "min"]))
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "user:it%27s@", "user:p$HOME`id`@", "u:ü😀@"]),
    st.sampled_from(["mirror.example", "[2001:db8::1]:80", "h:99999", "", "10.0.0.1:3128"]),
    st.just("") | st.builds("/{}".format, SHARP | st.just("simple?a=1&b=%20")),
)
CIDRS = st.builds(
    "{}.{}.0.0/{}".format,
    st.sampled_from([0, 10, 127, 172, 192, 224, 250]),
    st.integers(0, 255),
    st.integers(16, 28),
)
LISTS_OF_CIDRS = st.lists(CIDRS, max_size=3) | st.just(["0.0.0.0/0"])
WORDS = st.from_regex(r"\A[A-Za-z0-9._/-]{1,12}\Z")


def maybe(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


LOGIN = {"username": NAMES, "password": NAMES, "project": NAMES}
DOMAINS = {"userDomain": NAMES, "projectDomain": NAMES}
DATASOURCE_NODE = maybe(
    nodeId=WORDS,
    monitorInterval=SECONDS,
    monitorTimeout=SECONDS,
    token=st.sampled_from(["1s", "3s", "10s", "11s"]),
    config=st.builds("/etc/congress/{}.conf".format, WORDS),
    binary=st.builds("/opt/{}".format, WORDS),
    additionalParameters=st.sampled_from(["", "--debug", "--log-file=/var/log/a,b.log", "$(id)"]),
) | st.fixed_dictionaries(
    {
        "fencing": st.sampled_from(["fence_openstack", "none"]),
        "fencingLogin": st.fixed_dictionaries(LOGIN, optional=DOMAINS),
    }
)
KEYSTONE = maybe(
    administrator=NAMES, region=NAMES, project=NAMES, domain=NAMES, role=NAMES
) | st.fixed_dictionaries(
    {"login": st.fixed_dictionaries(LOGIN, optional=DOMAINS)}, optional={"region": NAMES}
)
NETWORK = st.fixed_dictionaries(
    {"externalNetwork": NAMES},
    optional={
        "cidr": CIDRS,
        "existing": st.fixed_dictionaries({"network": NAMES, "subnet": NAMES}),
        "dnsServers": st.lists(st.sampled_from(["192.0.2.53", "127.0.0.53", "169.254.169.254"]), max_size=2),
        "mtu": st.sampled_from([500, 576, 1450, 9216]),
        "egressCidrs": LISTS_OF_CIDRS,
    },
)
ENGINES = maybe(
    count=st.integers(1, 6),
    perHost=st.integers(1, 4),
    maxUnavailable=st.integers(0, 6),
    basePort=st.integers(1000, 65535),
    syncPeriod=st.integers(0, 61),
)
GUEST = maybe(
    aptMirror=URLS,
    aptSecurityMirror=URLS,
    aptProxy=URLS,
    pipIndexUrl=URLS,
    pipExtraIndexUrl=URLS,
    pipProxy=URLS,
    securityUpgrades=st.booleans(),
)
ROTATION = maybe(
    **{key: st.integers(0, 9999) for key in ("database", "messaging", "certificates", "ssh", "keystone")}
)
# One key at a time, because a stack with all of them is hardly ever valid.
CHANGES = {
    "image": NAMES,
    "flavors": st.fixed_dictionaries({"default": NAMES}, optional={"database": NAMES, "policyEngine": NAMES}),
    "network": NETWORK,
    "access": st.fixed_dictionaries({"sshCidrs": LISTS_OF_CIDRS, "apiCidrs": LISTS_OF_CIDRS}),
    "keystone": KEYSTONE,
    "tls": maybe(endpointName=st.from_regex(r"\A[a-z0-9.-]{1,70}\Z")),
    "antiAffinity": st.sampled_from(["hard", "soft", "none"]),
    "policyEngines": ENGINES,
    "datasourceNode": DATASOURCE_NODE,
    "loadBalancer": maybe(hosts=st.integers(0, 3)),
    "database": maybe(protect=st.booleans(), hosts=st.integers(0, 4)),
    "rotation": ROTATION,
    "guest": GUEST,
}


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    """Keys of CHANGES with their random values."""
    keys = draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3, unique=True))
    drawn = {key: draw(CHANGES[key]) for key in keys}
    return {
        **drawn,
        "auth": "keystone" if "keystone" in drawn else draw(st.sampled_from(["noauth", "keystone"])),
    }
