"""two-platforms.py LAYOUT OUT: an OCI layout whose only image is an index: the image of LAYOUT, and the same for arm64."""
import hashlib
import json
import os
import shutil
import sys

NAME = {"io.containerd.image.name": "docker.io/library/several:1", "org.opencontainers.image.ref.name": "1"}


def main(source, target):
    shutil.copytree(source, target)
    with open(f"{target}/index.json", encoding="utf-8") as file:
        first = json.load(file)["manifests"][0]
    first.pop("annotations", None)
    manifest = json.loads(read(target, first["digest"]))
    config = json.loads(read(target, manifest["config"]["digest"]))
    config["architecture"] = "arm64"
    manifest["config"].update(put(target, config))
    second = {**first, **put(target, manifest)}
    manifests = [{**image, "platform": {"architecture": name, "os": "linux"}}
                 for image, name in [(first, "amd64"), (second, "arm64")]]
    media = "application/vnd.oci.image.index.v1+json"
    index = put(target, {"schemaVersion": 2, "mediaType": media, "manifests": manifests})
    top = {"schemaVersion": 2, "manifests": [{"mediaType": media, **index, "annotations": NAME}]}
    with open(f"{target}/index.json", "w", encoding="utf-8") as file:
        json.dump(top, file)


def read(folder, digest):
    with open(os.path.join(folder, "blobs", digest.replace(":", "/")), "rb") as file:
        return file.read()


def put(folder, value):
    content = json.dumps(value).encode()
    digest = hashlib.sha256(content).hexdigest()
    with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
        file.write(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


main(*sys.argv[1:])
