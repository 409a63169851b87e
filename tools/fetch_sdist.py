#!/usr/bin/env python3
"""Fetches the source package of a Python project, checks its SHA-256 and unpacks one folder of it.

    fetch_sdist.py pyworld 0.3.5 SHA256 --member lib/World --into .cache/sources/pyworld-0.3.5

Some C++ libraries that have no Debian package are published inside Python source packages. The package comes from wherever
the active pip is configured to look (index, extra indexes, find-links, proxies, certificates): nothing about that is written
here. pip's own finder is used because `pip download` would first run the package's build back end to learn its metadata.
Exit codes: 0 done or already there, 2 usage, 3 the package is not what was pinned, 4 it cannot be fetched or written.
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile


def fail(code, text, next_step):
    print(f"fetch_sdist: {text}\n  next: {next_step}", file=sys.stderr)
    sys.exit(code)


def download_with_finder(name, version, to):
    """Asks pip's package finder for the link and reads it through pip's session. Internals: may change with pip."""
    from pip._internal.commands import create_command
    from pip._vendor.packaging.specifiers import SpecifierSet

    command = create_command("download")
    with command.main_context():
        options, _ = command.parse_args(["--no-deps", "--no-binary", ":all:", f"{name}=={version}"])
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            raise LookupError(f"no source package {name}=={version} where pip looks")
        link = best.link
        if link.is_file:
            shutil.copyfile(link.file_path, to)
            return
        answer = session.get(link.url_without_fragment, stream=True, timeout=60)
        answer.raise_for_status()
        with open(to, "wb") as out:
            for chunk in answer.iter_content(1 << 16):
                out.write(chunk)


def download_with_pip(name, version, to):
    """The slow public way: builds the package's metadata first."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q", "-d", folder,
                        f"{name}=={version}"], check=True)
        shutil.copyfile(next(pathlib.Path(folder).iterdir()), to)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(name, version, wanted, archive):
    """The archive in the cache, verified; downloaded when it is not there."""
    if archive.exists() and sha256(archive) == wanted:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_name(f"{archive.name}.{os.getpid()}.part")
    try:
        try:
            download_with_finder(name, version, part)
        except (ImportError, AttributeError, TypeError):
            download_with_pip(name, version, part)
    except Exception as error:  # pip raises many kinds; all mean the same here
        part.unlink(missing_ok=True)
        fail(4, f"cannot fetch the source package {name}=={version}: {error}",
             f"check that `pip download {name}=={version}` works, or put the file at {archive}")
    got = sha256(part)
    if got != wanted:
        part.unlink()
        fail(3, f"{name}=={version} has SHA-256 {got}, expected {wanted}", "do not build from it; check the package index pip uses")
    part.replace(archive)


def unpack(archive, member, into):
    """Only regular files under NAME-VERSION/member, written under a temporary name and renamed."""
    part = into.with_name(f"{into.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    found = 0
    with tarfile.open(archive) as tar:
        for item in tar:
            inner = pathlib.PurePosixPath(*pathlib.PurePosixPath(item.name).parts[1:])
            if not item.isfile() or ".." in inner.parts or not inner.is_relative_to(member):
                continue
            target = part / inner.relative_to(member)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(item) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out)
            found += 1
    if not found:
        fail(3, f"{archive} holds no files under {member}", "check --member")
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("sha256")
    parser.add_argument("--member", default=".", help="folder inside the package")
    parser.add_argument("--into", required=True, type=pathlib.Path, help="where its contents go")
    options = parser.parse_args()
    if options.into.is_dir():
        return
    archive = options.into.parent / f"{options.name}-{options.version}.tar.gz"
    fetch(options.name, options.version, options.sha256, archive)
    try:
        unpack(archive, options.member, options.into)
    except OSError as error:
        fail(4, f"cannot unpack {archive}: {error}", "check free disk space and permissions")


if __name__ == "__main__":
    main()
