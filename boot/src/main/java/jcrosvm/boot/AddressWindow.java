package jcrosvm.boot;

/**
 * A range of guest physical addresses.
 *
 * @param start first address
 * @param size bytes
 */
public record AddressWindow(long start, long size) {
    /** First address behind the window. */
    public long end() {
        return start + size;
    }

    /** Last address of the window. */
    public long last() {
        return start + size - 1;
    }

    public boolean overlaps(AddressWindow other) {
        return start < other.end() && other.start < end();
    }

    @Override
    public String toString() {
        return "0x%x-0x%x".formatted(start, last());
    }
}
