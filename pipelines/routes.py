"""The way to the API: on this machine, by a proxy, or straight."""

import os
import re
from urllib.parse import urlsplit

from pipelines.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SCHEMES = ("http", "https", "all")
"""What the environment may name a proxy for."""


def on_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    return urlsplit(url).hostname in LOOPBACK


def without_user(url: str) -> str:
    """Return a URL, which may be none, as it can be shown: without user and password."""
    return re.sub(r"(?<=//).*@", "****@", url)


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, None without one or on loopback.

    Raises:
        ConfigError: it can't be one.
    """
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 -- takes long

    parts = urlsplit(url)
    proxies = getproxies()
    if not proxies or on_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    found = next((s for s in (parts.scheme, "all") if proxies.get(s)), None)
    return None if found is None else _checked(found, proxies[found])


def check_proxies() -> None:
    """Check all proxies that the environment names, as httpx's own clients need them all.

    Raises:
        ConfigError: one can't be a proxy.
    """
    from urllib.request import getproxies  # noqa: PLC0415 -- takes long

    for scheme, proxy in getproxies().items():
        if scheme in SCHEMES and proxy:
            _checked(scheme, proxy)


def _checked(scheme: str, proxy: str) -> str:
    """Return a proxy's URL; what is said of it shows nothing of it, since it may hold a password.

    Raises:
        ConfigError: it is none.
    """
    import httpx  # noqa: PLC0415 -- not for every --help

    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        named = httpx.URL(url)
        if not named.host:
            raise _wrong(scheme, "holds no address of a proxy")
        httpx.HTTPTransport(verify=False, proxy=url, trust_env=False).close()
    except httpx.InvalidURL:
        raise _wrong(scheme, "holds no address of a proxy") from None
    except ImportError:
        raise _wrong(
            scheme, "names a SOCKS proxy, for which the package socksio is lacking"
        ) from None
    except ValueError:
        raise _wrong(scheme, f"names a proxy by {named.scheme}, which is no way to one") from None
    return url


def _wrong(scheme: str, what: str) -> ConfigError:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    name = next((each for each in names if os.environ.get(each)), "the system's proxy")
    return ConfigError(
        f"{name} {what}; set an address such as http://proxy.example.com:3128, or unset it",
        key=name,
    )
