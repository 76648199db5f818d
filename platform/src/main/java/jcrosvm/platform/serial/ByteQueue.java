package jcrosvm.platform.serial;

/** Bytes that wait, in the order in which they came. Guarded by its UART. */
final class ByteQueue {
    private final byte[] bytes;
    private int head;
    private int count;

    ByteQueue(int capacity) {
        bytes = new byte[capacity];
    }

    int count() {
        return count;
    }

    boolean isFull() {
        return count == bytes.length;
    }

    void clear() {
        head = 0;
        count = 0;
    }

    /** Only while it is not full. */
    void add(byte value) {
        bytes[(head + count++) % bytes.length] = value;
    }

    /** Only while there is one. */
    int take() {
        int value = bytes[head] & 0xff;
        head = (head + 1) % bytes.length;
        count--;
        return value;
    }

    byte[] content() {
        byte[] content = new byte[count];
        for (int i = 0; i < count; i++) {
            content[i] = bytes[(head + i) % bytes.length];
        }
        return content;
    }

    void content(byte[] content) {
        clear();
        for (byte value : content) {
            add(value);
        }
    }
}
