"""Values of more than one role."""

from __future__ import annotations

import json

from settings import Guest

# Every secret begins with this text, so that a test can search for all of them.
CANARY = "Canary"
PASSWORD = f"{CANARY}Password0123456789abcdefghij"
PRIVATE_KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}PrivateKey\n-----END OPENSSH PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB'\"$`\\\n-----END CERTIFICATE-----\n"
IDENTITY = f"{CERTIFICATE}{PRIVATE_KEY}"
GUEST = Guest.model_validate_json(
    json.dumps(
        {
            "aptMirror": "http://mirror.example/debian",
            "aptSecurityMirror": "http://mirror.example/debian-security",
            "aptProxy": "http://user:pass@proxy.example:3128",
            "pipIndexUrl": "https://user:it%27s@pypi.example/simple?a=1&b=$HOME",
            "pipExtraIndexUrl": "https://pypi.example/more",
            "pipProxy": "http://proxy.example:3128",
        }
    )
)
