package jcrosvm.guest.ext4;

/**
 * Owner, group and permissions of a member of a file system.
 *
 * @param permissions the lower 12 bits of {@code st_mode}
 * @param uid of the owner
 * @param gid of the group
 * @param modified time of the last change, seconds since 1970
 */
public record Attributes(int permissions, int uid, int gid, long modified) {
    public Attributes {
        if ((permissions & ~07777) != 0) {
            throw new IllegalArgumentException("permissions " + Integer.toOctalString(permissions));
        }
    }

    /** Of a member that belongs to root. */
    public static Attributes ofRoot(int permissions, long modified) {
        return new Attributes(permissions, 0, 0, modified);
    }
}
