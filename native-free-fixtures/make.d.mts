/** Every fixture by its path in this folder. */
export declare function makeFixtures(): Map<string, Buffer>;
