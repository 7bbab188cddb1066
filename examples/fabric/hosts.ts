// Its second one: "the fun part". There the hosts stood in the code; here they are the default of --hosts.
import { Shipper } from 'shipper';

export async function hello() {
  await using ship = new Shipper({ hosts: ['tcp://a:2375', 'tcp://b:2375', 'tcp://c:2375'] });
  return ship.containers({ running: true });
}
