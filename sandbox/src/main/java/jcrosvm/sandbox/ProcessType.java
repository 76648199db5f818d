package jcrosvm.sandbox;

/** What a process is there for, with crosvm's numbers. */
public enum ProcessType {
    /** Any that crosvm has no number for. */
    OTHER(0),
    BLOCK(1),
    MAIN(2),
    METRICS(3),
    NET(4),
    GPU(6),
    SND(7);

    /** Exit codes have eight bits: five for the type, three for what happened. */
    private static final int TYPE_SHIFT = 3;

    private final int number;

    ProcessType(int number) {
        this.number = number;
    }

    /** Of a kind of devices, by the name of its module. */
    public static ProcessType of(String kind) {
        return switch (kind) {
            case "block" -> BLOCK;
            case "net" -> NET;
            case "gpu" -> GPU;
            case "snd" -> SND;
            default -> OTHER;
        };
    }

    /** Exit code of such a process that has failed: the number times eight, and one. */
    public int failure() {
        return number << TYPE_SHIFT | 1;
    }
}
