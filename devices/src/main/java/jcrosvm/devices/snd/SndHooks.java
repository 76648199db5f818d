package jcrosvm.devices.snd;

import java.util.List;

/** Where a product adds to the sound devices of a VM. Nothing is added by default. */
public interface SndHooks {
    /** Adds nothing. */
    SndHooks NONE = new SndHooks() {};

    /**
     * A card and what it is known by.
     *
     * @param clientId what the host's sound server knows the VM by
     * @param cardIndex position among the VM's cards
     */
    record Card(String clientId, int cardIndex) {}

    /** PCM devices that capture, of a card that a broker makes. */
    default int inputDevices(SndConfig config) {
        return 0;
    }

    /** Streams of each of them. */
    default int inputStreams(SndConfig config) {
        return 0;
    }

    /** The cards are known: a product may keep states for its sound service. */
    default void cards(List<Card> cards) {}
}
