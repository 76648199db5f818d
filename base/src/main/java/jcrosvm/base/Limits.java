package jcrosvm.base;

/** Checks of the values that the constructors of saved states get from a file. */
public final class Limits {
    private Limits() {}

    /** @throws IllegalArgumentException naming the value unless it is from {@code min} to {@code max} */
    public static void range(String name, long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(name + " is " + value + ", expected " + min + " to " + max);
        }
    }

    /** @throws IllegalArgumentException naming the value when it has bits that are not in {@code mask} */
    public static void bits(String name, long value, long mask) {
        if ((value & ~mask) != 0) {
            throw new IllegalArgumentException(
                    name + " is 0x" + Long.toHexString(value) + ", expected bits of 0x" + Long.toHexString(mask));
        }
    }

    /** @throws IllegalArgumentException naming the value unless it has so many elements */
    public static void size(String name, int size, int expected) {
        if (size != expected) {
            throw new IllegalArgumentException(name + " has " + size + " elements, expected " + expected);
        }
    }
}
