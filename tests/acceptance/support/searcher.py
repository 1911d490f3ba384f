"""Searches a machine for secrets and prints their names and places, but no value.

Its source is sent to a host's python3 on standard input, followed by the patterns. So it is one file that imports only
the standard library, and no command line and no file contains a secret. Patterns are secret's name -> form's name ->
the bytes to search for.
"""

import json
import lzma
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Patterns = Mapping[str, Mapping[str, bytes]]
Hit = dict[str, str]

# File systems of the kernel, without real files.
NO_FILES = ("/proc", "/sys")
GZIP, XZ = b"\x1f\x8b\x08", b"\xfd7zXZ\0"
# The shortest pattern, so that grep does not match by chance.
SHORTEST = 4
# A number of names that certainly fits on a command line.
NAMES_AT_A_TIME = 500
METADATA = "http://169.254.169.254/"
DOCUMENTS = ("openstack/latest/user_data", "openstack/latest/meta_data.json", "latest/user-data")
FETCH = """
import sys, urllib.request
for url in sys.argv[1:]:
    sys.stdout.buffer.write(urllib.request.urlopen(url, timeout=10).read())
"""


def squeezed(data: bytes) -> bytes:
    """The bytes without line breaks: of base64, and of base64 in JSON."""
    return data.translate(None, b" \t\r\n").replace(b"\\n", b"")


def pieces(pattern: bytes) -> Iterator[bytes]:
    """Both halves, without characters that grep takes for a line end. A wrapped text contains one half unbroken."""
    middle = len(pattern) // 2
    for half in (pattern[:middle], pattern[middle:]):
        yield max(half.replace(b"\0", b"\n").split(b"\n"), key=len)


class Search:
    """One grep for all patterns finds suspects; each suspect is then checked exactly."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns = [
            (secret, name, form, squeezed(form))
            for secret, forms in patterns.items()
            for name, form in forms.items()
        ]
        parts = {piece for _, _, form, _ in self.patterns for piece in pieces(form)}
        if any(len(piece) < SHORTEST for piece in parts):
            raise ValueError("a pattern is too short to be told from anything else")
        # In memory; each grep opens it again.
        self.file = os.memfd_create("patterns")
        os.write(self.file, b"\n".join(sorted(parts)) + b"\n")

    def grep(self, *options: str, **streams: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["grep", "-F", "-f", f"/proc/self/fd/{self.file}", *options],
            stdout=subprocess.PIPE,
            pass_fds=[self.file],
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            **streams,
        )

    def within(self, data: bytes) -> set[tuple[str, str]]:
        """The (secret, form) pairs in these bytes, wrapped or not."""
        whole = squeezed(data)
        return {(secret, name) for secret, name, form, bare in self.patterns if form in data or bare in whole}

    def files(self, roots: Iterable[str]) -> tuple[list[Hit], int]:
        """Hits in the regular files below these folders, and in their names; and the number of files."""
        paths = list(regular_files(roots))
        names = b"\0".join(map(os.fsencode, paths))
        hits = [hit(secret, form, "a file's name") for secret, form in self.within(names)]
        # Without the thousands of manuals of packages.
        compressed = (path for path in paths if not path.startswith("/usr/") and is_compressed(path))
        for path in {*self.suspects(paths), *compressed}:
            hits += self.file_hits(path)
        return hits, len(paths)

    def suspects(self, paths: Sequence[str]) -> Iterator[str]:
        """Files that may have a hit. Files removed meanwhile are ignored; any other problem is an error."""
        for first in range(0, len(paths), NAMES_AT_A_TIME):
            grep = self.grep("-lZ", "--", *paths[first : first + NAMES_AT_A_TIME], stderr=subprocess.PIPE)
            matches, complaints = grep.communicate()
            other = [c for c in complaints.splitlines() if not c.endswith(b": No such file or directory")]
            if other or grep.returncode not in {0, 1, 2}:
                raise OSError(f"grep ended with {grep.returncode}: {other[:3]}")
            yield from (os.fsdecode(name) for name in matches.split(b"\0") if name)

    def file_hits(self, path: str) -> Iterator[Hit]:
        file = Path(path)
        try:
            owner, mode = f"{file.owner()}:{file.group()}", f"{file.stat().st_mode & 0o7777:04o}"
            data = file.read_bytes()
        except FileNotFoundError:
            return
        for secret, form in self.within(data) | self.within(unpacked(data)):
            yield hit(secret, form, path, owner, mode)

    def journal(self) -> list[Hit]:
        """Hits in every field of the whole journal; then again by writer, which an entry does not show."""
        hits = list(self.entries())
        if not hits:
            return []
        listed = subprocess.run(
            ["journalctl", "--quiet", "-F", "SYSLOG_IDENTIFIER"], capture_output=True, text=True, check=True
        )
        named = [
            {**entry, "location": f"{entry['location']} of {name}"}
            for name in listed.stdout.splitlines()
            for entry in self.entries("-t", name)
        ]
        return named or hits

    def entries(self, *chosen: str) -> Iterator[Hit]:
        shown = subprocess.Popen(
            ["journalctl", "--quiet", "--all", "--output=export", *chosen], stdout=subprocess.PIPE
        )
        with self.grep("-a", stdin=shown.stdout) as suspects:
            if shown.stdout and suspects.stdout:
                shown.stdout.close()
                for line in suspects.stdout:
                    # A field with a line break is written without its name.
                    field = (
                        line.partition(b"=")[0].decode(errors="replace") if b"=" in line[:40] else "a field"
                    )
                    for secret, form in self.within(line):
                        yield hit(secret, form, f"the journal, {field}")
        if shown.wait() or suspects.returncode not in {0, 1}:
            raise OSError(f"journalctl ended with {shown.returncode}, grep with {suspects.returncode}")

    def metadata(self, user: str) -> list[Hit]:
        """Hits in the metadata service's answer to a user's process; a hit without a secret if there is no answer."""
        location = f"the metadata service, asked by {user}"
        urls = [METADATA + document for document in DOCUMENTS]
        fetched = subprocess.run(
            ["runuser", "-u", user, "--", sys.executable, "-c", FETCH, *urls],
            capture_output=True,
            timeout=60,
            check=False,
        )
        if fetched.returncode:
            return [hit("", "", f"{location}: no answer")]
        return [hit(secret, form, location) for secret, form in self.within(fetched.stdout)]


def hit(secret: str, form: str, location: str, owner: str = "", mode: str = "") -> Hit:
    return {"secret": secret, "form": form, "location": location, "owner": owner, "mode": mode}


def is_compressed(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(XZ)).startswith((GZIP, XZ))
    except FileNotFoundError:
        return False


def unpacked(data: bytes) -> bytes:
    """The uncompressed content of a file as far as possible: a file that is being written has no end yet."""
    parts = []
    while data.startswith((GZIP, XZ)):
        packed = zlib.decompressobj(31) if data.startswith(GZIP) else lzma.LZMADecompressor()
        parts.append(packed.decompress(data))
        data = packed.unused_data
    return b"".join(parts)


def regular_files(roots: Iterable[str]) -> Iterator[str]:
    """Each file once, even if it has several links."""
    seen = set()

    def trouble(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for root in roots:
        for folder, folders, names in os.walk(root, onerror=trouble):
            folders[:] = [name for name in folders if str(Path(folder, name)) not in NO_FILES]
            for path in (Path(folder, name) for name in names):
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                if path.is_file() and not path.is_symlink() and (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    yield str(path)


def missed(patterns: Patterns) -> list[str]:
    """Forms that the search does not find in a file of their own, unchanged and in lines of 64 characters."""
    wanted: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        for secret, forms in patterns.items():
            for name, form in forms.items():
                lines = b"\n".join(form[first : first + 64] for first in range(0, len(form), 64))
                for text in (form, lines):
                    path = Path(folder, str(len(wanted)))
                    path.write_bytes(b"before" + text + b"after\n")
                    wanted[str(path)] = (secret, name)
        hits, _ = Search(patterns).files([folder])
    reported = {(one["location"], one["secret"], one["form"]) for one in hits}
    return sorted(
        f"{secret}, {form}" for path, (secret, form) in wanted.items() if (path, secret, form) not in reported
    )


def everywhere(patterns: Patterns) -> dict[str, Any]:
    """All hits on this machine."""
    search = Search(patterns)
    hits, files = search.files("/")
    hits += search.journal()
    for user in ("root", "nobody"):
        hits += search.metadata(user)
    return {"hits": hits, "files": files}


def answer(task: str, patterns: Patterns) -> None:
    """Print the answer as JSON, for the sender of this text."""
    json.dump({"missed": missed, "everywhere": everywhere}[task](patterns), sys.stdout)
