package jcrosvm.devices.snd;

/**
 * What a card is made of, wherever it lives.
 *
 * @param config as the user wrote it
 * @param cardIndex position among the VM's cards
 * @param clientId what the host's sound server knows the VM by
 */
public record SndParameters(SndConfig config, int cardIndex, String clientId) {
    /** In front of each line of the log that is about the card. */
    String label() {
        return label(cardIndex);
    }

    static String label(int cardIndex) {
        return "[Card " + cardIndex + "] ";
    }
}
