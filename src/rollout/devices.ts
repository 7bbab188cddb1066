// Devices of a container: files of the host, or names that a vendor's description gives (CDI). Pure.
import { given } from '../core/given.ts';
import { some } from './filled.ts';

/** A qualified name of CDI, `nvidia.com/gpu=all` (container-device-interface, SPEC.md, "Kind"). */
const CDI = /^[a-zA-Z][\w.-]*\/[a-zA-Z][\w-]*=[\w.:-]+$/;

/** The members of `HostConfig` about devices. */
export function devicesOf(devices: readonly string[]): Readonly<Record<string, unknown>> {
  const names = devices.filter((device) => CDI.test(device));
  const files = devices.filter((device) => !CDI.test(device)).map(deviceFile);
  return given({
    Devices: some(files),
    DeviceRequests: names.length === 0 ? undefined : [{ Driver: 'cdi', DeviceIDs: names }],
  });
}

/** `/dev/a`, `/dev/a:/dev/b`, `/dev/a:/dev/b:rwm` or `/dev/a:r`. */
function deviceFile(text: string) {
  const [host = '', second = host, third] = text.split(':');
  const isRights = third === undefined && /^[rwm]{1,3}$/.test(second);
  return {
    PathOnHost: host,
    PathInContainer: isRights ? host : second,
    CgroupPermissions: third ?? (isRights ? second : 'rwm'),
  };
}
