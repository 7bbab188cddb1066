"""Lists a file tree as JSON for the oracles: one object per path, whatever bytes its name has.

tree.py tar FILE            a tar, for example of `docker export`
tree.py walk DIRECTORY      a directory, names below it
tree.py overlay DIRECTORY…  layer directories, top first, mounted read-only as one overlay; wants a private mount namespace
"""
import hashlib
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile

KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
         stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
TAR_KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b",
             tarfile.FIFOTYPE: "p"}


def printable(name):
    """UTF-8 as it is; other bytes, control characters and backslashes escaped, so that no two names look the same."""
    text = os.fsencode(name).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def sha256(file):
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def walk(root):
    top = os.fsencode(root)
    found = [top]
    for folder, directories, files in os.walk(top, onerror=fail):
        found += [os.path.join(folder, name) for name in directories + files]
    groups = {}
    entries = []
    for path in sorted(found):
        entry, identity = look(path, os.path.relpath(path, top))
        if identity is not None:
            groups.setdefault(identity, []).append(entry)
        entries.append(entry)
    name_links(groups.values())
    return entries


def fail(error):
    raise error


def look(path, name):
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    entry = {"path": printable(name), "type": kind, "mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid,
             "gid": status.st_gid, "mtimeNs": str(status.st_mtime_ns), "xattrs": xattrs(path)}
    if kind == "f":
        with open(path, "rb") as file:
            entry.update(size=status.st_size, sha256=sha256(file))
    elif kind == "l":
        entry["target"] = printable(os.readlink(path))
    elif kind in "cb":
        entry["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    linked = kind != "d" and status.st_nlink > 1
    return entry, (status.st_dev, status.st_ino) if linked else None


def xattrs(path):
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names
            if not name.startswith("trusted.overlay.")}


def name_links(groups):
    """A group of hard links is called by the first of its names, so that equal trees give equal lines."""
    for group in groups:
        if len(group) > 1:
            first = min(entry["path"] for entry in group)
            for entry in group:
                entry["link"] = first


def read_tar(path):
    entries = {}
    groups = {}
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            name = os.path.normpath(info.name)
            if info.islnk():
                target = os.path.normpath(info.linkname)
                entry = dict(entries[target], path=printable(name))
                groups.setdefault(target, [entries[target]]).append(entry)
            else:
                entry = read_member(tar, info, name)
            entries[name] = entry
    name_links(groups.values())
    return list(entries.values())


def read_member(tar, info, name):
    kind = TAR_KINDS.get(info.type, "f")
    prefix = "SCHILY.xattr."
    attributes = {key[len(prefix):]: value.encode("utf-8", "surrogateescape").hex()
                  for key, value in sorted(info.pax_headers.items()) if key.startswith(prefix)}
    entry = {"path": printable(name), "type": kind, "mode": info.mode & 0o7777, "uid": info.uid, "gid": info.gid,
             "mtimeNs": str(int(info.mtime) * 10**9), "xattrs": attributes}
    if kind == "f":
        entry.update(size=info.size, sha256=sha256(tar.extractfile(info)))
    elif kind == "l":
        entry["target"] = printable(info.linkname)
    elif kind in "cb":
        entry["device"] = f"{info.devmajor}:{info.devminor}"
    return entry


def overlay(*directories):
    # Short relative names, because the options of a mount end at 4095 bytes; and overlayfs wants two lower ones.
    work = tempfile.mkdtemp(prefix="shipper-overlay-")
    try:
        os.chdir(work)
        os.mkdir("empty")
        os.mkdir("merged")
        for number, directory in enumerate(directories):
            os.symlink(directory, str(number))
        lower = ":".join(["empty", *map(str, range(len(directories)))])
        options = f"ro,lowerdir={lower}"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", "merged"], check=True)
        try:
            return walk("merged")
        finally:
            subprocess.run(["umount", "merged"], check=True)
    finally:
        os.chdir("/")
        subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)


def main(what, *arguments):
    entries = {"tar": read_tar, "walk": walk, "overlay": overlay}[what](*arguments)
    json.dump(sorted(entries, key=lambda entry: entry["path"]), sys.stdout)


main(*sys.argv[1:])
