package jcrosvm.disk;

/**
 * Which other files (backing files, parts) an image may name whose format was not given but told from its first bytes,
 * which a guest may have written.
 */
public enum Backing {
    /** Those in its own folder and below, symbolic links resolved. */
    OWN_FOLDER,
    /** All that this process can open. */
    ANY
}
