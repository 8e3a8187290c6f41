"""The way to the API: on this machine, by a proxy, or straight."""

from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def on_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    return urlsplit(url).hostname in LOOPBACK


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, None without one or on loopback."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 -- takes long

    parts = urlsplit(url)
    proxies = getproxies()
    if not proxies or on_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
