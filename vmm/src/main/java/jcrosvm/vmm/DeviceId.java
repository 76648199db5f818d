package jcrosvm.vmm;

/**
 * What a device is called in messages and saved states, such as {@code block0}. It stays when other devices go.
 *
 * @param kind as its module names it
 * @param number among the devices of its kind, from 0
 */
record DeviceId(String kind, int number) {
    @Override
    public String toString() {
        return kind + number;
    }
}
