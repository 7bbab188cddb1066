"""Makes the layer tars of the test images, the same bytes each time.

recipe.py busybox FILE   a static busybox and all its names
recipe.py base FILE      busybox and what only a tar can carry into an image: capabilities, odd owners, nanoseconds
recipe.py added FILE     what the recipe's Dockerfile adds: a name that is not UTF-8, odd names, links, blobs
"""
import hashlib
import io
import struct
import subprocess
import sys
import tarfile

BUSYBOX = "/bin/busybox"
TIME = 1700000000


def member(name, kind=tarfile.REGTYPE, mode=0o644, **fields):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, TIME
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def put(tar, info, content=None):
    if content is not None:
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    else:
        tar.addfile(info)


def busybox(tar):
    with open(BUSYBOX, "rb") as file:
        program = file.read()
    for name, mode in [("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)]:
        put(tar, member(name, tarfile.DIRTYPE, mode))
    put(tar, member("bin/busybox", mode=0o755), program)
    names = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    for name in sorted(set(names.stdout.split()) - {"busybox"}):
        put(tar, member(f"bin/{name}", tarfile.SYMTYPE, 0o777, linkname="busybox"))
    put(tar, member("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n")
    put(tar, member("etc/group"), b"root:x:0:\n")


def noise(name, size):
    """Bytes that do not compress and are the same each time."""
    return hashlib.shake_128(name.encode()).digest(size)


def capability(bits):
    """The value of security.capability, revision 2: permitted and effective (linux/capability.h)."""
    return struct.pack("<IIIII", 0x02000001, bits & 0xFFFFFFFF, 0, bits >> 32, 0).decode("latin-1")


def base(tar):
    busybox(tar)
    with open(BUSYBOX, "rb") as file:
        program = file.read()
    for name in ["dev", "opt", "opt/again", "usr", "usr/bin", "usr/lib", "usr/share", "usr/share/doc",
                 "usr/share/tree", "usr/share/tree/deep", "var", "var/cache", "run"]:
        put(tar, member(name, tarfile.DIRTYPE, 0o755))
    net_raw = {"SCHILY.xattr.security.capability": capability(1 << 13)}
    put(tar, member("usr/bin/ping", mode=0o755, pax_headers=net_raw), program)
    put(tar, member("usr/bin/su", mode=0o4755), program[:4096])
    put(tar, member("usr/bin/wall", mode=0o2755, gid=5), program[:4096])
    put(tar, member("dev/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3))
    put(tar, member("dev/disk", tarfile.BLKTYPE, 0o660, devmajor=8, devminor=1, gid=6))
    put(tar, member("run/queue", tarfile.FIFOTYPE, 0o640))
    put(tar, member("lib", tarfile.SYMTYPE, 0o777, linkname="usr/lib"))
    put(tar, member("usr/lib/odd", uid=70000, gid=3000000000), b"odd owner\n")
    put(tar, member("opt/again/old"), b"old\n")
    put(tar, member("opt/file-then-directory"), b"file\n")
    put(tar, member("usr/lib/one"), noise("one", 5000))
    put(tar, member("usr/lib/two", tarfile.LNKTYPE, linkname="usr/lib/one"))
    # Only here: engines cut the times of every layer that they make themselves to seconds, and 20.10 drops attributes.
    precise = {"mtime": "1700000000.123456789", "SCHILY.xattr.user.note": "kept"}
    put(tar, member("usr/share/precise", pax_headers=precise), b"nanoseconds\n")
    put(tar, member("usr/share/ancient", mtime=-5), b"before 1970\n")
    for number in range(120):
        folder = "usr/share/tree/deep" if number % 3 == 0 else "usr/share/tree"
        put(tar, member(f"{folder}/file-{number}"), noise(f"tree {number}", 3000 + number))
        put(tar, member(f"usr/share/doc/page-{number}"), f"page {number}\n".encode())


def added(tar):
    put(tar, member("var", tarfile.DIRTYPE, 0o755))
    put(tar, member("var/blobs", tarfile.DIRTYPE, 0o755))
    for number in range(40):
        put(tar, member(f"var/blobs/{number}"), noise(f"blob {number}", 65536))
    put(tar, member("var/names", tarfile.DIRTYPE, 0o1770, uid=1000, gid=70001))
    put(tar, member("var/names/f\u00fcr \u65e5\u672c"), b"utf-8\n")
    put(tar, member("var/names/" + "long-" * 45), b"long\n")
    put(tar, member("var/names/new\nline"), b"line\n")
    put(tar, member("var/names/a"), b"linked\n")
    put(tar, member("var/names/b", tarfile.LNKTYPE, linkname="var/names/a"))
    put(tar, member("var/names/dangling", tarfile.SYMTYPE, 0o777, linkname="/no/where"))
    # As raw bytes in the header's field: a pax path has to be UTF-8.
    tar.format = tarfile.GNU_FORMAT
    put(tar, member("var/names/latin-\udce9"), b"not utf-8\n")


def main(what, path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        {"busybox": busybox, "base": base, "added": added}[what](tar)


main(*sys.argv[1:])
