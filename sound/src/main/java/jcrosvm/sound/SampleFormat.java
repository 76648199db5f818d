package jcrosvm.sound;

/**
 * How a sample is written, little-endian. In the order of the numbers that virtio gives them (virtio 1.3, 5.14.6.6.2).
 * {@code S24} is the low three bytes of four, {@code S24_3} three bytes.
 */
public enum SampleFormat {
    /** Four bits a sample: no sample begins at a byte of its own, so no backend takes it. */
    IMA_ADPCM(0, 0),
    MU_LAW(1, 0xff),
    A_LAW(1, 0xd5),
    S8(1, 0),
    U8(1, 0x80),
    S16(2, 0),
    U16(2, 0x8000),
    S18_3(3, 0),
    U18_3(3, 0x20000),
    S20_3(3, 0),
    U20_3(3, 0x80000),
    S24_3(3, 0),
    U24_3(3, 0x800000),
    S20(4, 0),
    U20(4, 0x80000),
    S24(4, 0),
    U24(4, 0x800000),
    S32(4, 0),
    U32(4, 0x80000000),
    FLOAT(4, 0),
    FLOAT64(8, 0),
    DSD_U8(1, 0x69),
    DSD_U16(2, 0x6969),
    DSD_U32(4, 0x69696969),
    IEC958_SUBFRAME(4, 0);

    private final int bytes;
    private final int silence;

    SampleFormat(int bytes, int silence) {
        this.bytes = bytes;
        this.silence = silence;
    }

    /** Bytes of a sample; 0 where that is no whole number. */
    public int bytes() {
        return bytes;
    }

    /** A byte of a sample that is silent. */
    byte silence(int index) {
        return index < Integer.BYTES ? (byte) (silence >>> 8 * index) : 0;
    }
}
