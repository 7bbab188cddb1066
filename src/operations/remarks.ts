// Honest lines about what flattening made worse.
import { LIMITS } from '../core/limits.ts';
import { formatPlatform } from '../image/platform.ts';
import { savingPercent } from './flatten-one.ts';
import type { FlattenedImage } from './flatten-types.ts';

/** Below this a flatten saves nothing worth its price. */
const SMALL_SAVING_PERCENT = 2;

/** Sentences for the report; one set for all platforms that earn it. */
export function remarksOn(images: readonly FlattenedImage[]): string[] {
  const several = images.length > 1;
  const remarks = images.flatMap((image) => {
    const where = several ? `${formatPlatform(image.platform)}: ` : '';
    return remarksOnOne(image).map((remark) => where + remark);
  });
  return remarks;
}

function remarksOnOne(image: FlattenedImage): string[] {
  const remarks: string[] = [];
  const saved = savingPercent(image.bytesBefore, image.bytesAfter);
  if (image.alreadyFlat && image.layersKept === image.layersBefore)
    remarks.push(
      `The image has no layers above the ${image.layersKept} that are kept: there is nothing to merge, and it is passed on as it is`,
    );
  else if (image.alreadyFlat && image.layersKept > 0)
    remarks.push(
      `The image is the ${image.layersKept} kept layers and one canonical layer already: it is passed on as it is`,
    );
  else if (image.alreadyFlat)
    remarks.push('The image is one canonical layer already: it is passed on as it is');
  else if (image.layersKept > 0) remarks.push(...remarksOnKept(image));
  else if (image.layersBefore === 1)
    remarks.push(
      'The image has a single layer already: flattening only rewrote it in canonical order',
    );
  else if (saved < SMALL_SAVING_PERCENT) {
    remarks.push(
      `Flattening saves ${Math.max(0, saved).toFixed(1)} % of the layers' bytes: layers that other images share were the better deal`,
    );
  } else {
    remarks.push(
      `The ${image.layersBefore} layers could be shared with other images and pulled side by side; the flat one cannot`,
    );
  }
  if (image.newLayerBytes > LIMITS.registryBlobBytes) {
    remarks.push(
      'The flat layer is over 5 GB, which some registries and object stores refuse as one blob',
    );
  }
  return remarks;
}

function remarksOnKept(image: FlattenedImage): string[] {
  const merged = image.layersBefore - image.layersKept;
  if (merged !== 1) return [];
  return [
    'One layer stands above those that are kept: flattening only rewrote it in canonical order',
  ];
}
