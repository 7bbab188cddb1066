"""Adds two layers of small files to an image in skopeo's dir: form.  usage: add-layers.py FOLDER SEED"""
import gzip, hashlib, io, json, os, sys, tarfile

folder, seed = sys.argv[1], int(sys.argv[2])


def read(digest):
    return open(os.path.join(folder, digest.split(':')[1]), 'rb').read()


def write(data):
    digest = 'sha256:' + hashlib.sha256(data).hexdigest()
    open(os.path.join(folder, digest.split(':')[1]), 'wb').write(data)
    return digest, len(data)


def layer(step):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for i in range(200):
            body = (f'image {seed} step {step} file {i}\n' * 40).encode()
            info = tarfile.TarInfo(f'app/{step}/{i:03}.txt')
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


manifest = json.load(open(os.path.join(folder, 'manifest.json')))
config = json.loads(read(manifest['config']['digest']))
for step in (1, 2):
    tar = layer(step)
    digest, size = write(gzip.compress(tar, mtime=0))
    manifest['layers'].append({'mediaType': manifest['layers'][0]['mediaType'], 'digest': digest, 'size': size})
    config['rootfs']['diff_ids'].append('sha256:' + hashlib.sha256(tar).hexdigest())
    config.setdefault('history', []).append({'created_by': f'COPY app/{step}'})
manifest['config']['digest'], manifest['config']['size'] = write(json.dumps(config).encode())
json.dump(manifest, open(os.path.join(folder, 'manifest.json'), 'w'))
