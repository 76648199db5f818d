package jcrosvm.devices.snd;

import java.util.function.Predicate;
import jcrosvm.sound.SampleFormat;

/** Numbers of the sound device (virtio 1.3, 5.14). */
final class SndSpec {
    static final int TYPE = 25;
    static final int CONTROL_QUEUE = 0;
    static final int EVENT_QUEUE = 1;
    static final int TRANSMIT_QUEUE = 2;
    static final int RECEIVE_QUEUE = 3;
    static final int QUEUES = 4;
    static final int QUEUE_SIZE = 1024;
    static final int CONFIG_LENGTH = 16;

    static final int VIRTIO_SND_R_JACK_INFO = 1;
    static final int VIRTIO_SND_R_JACK_REMAP = 2;
    static final int VIRTIO_SND_R_PCM_INFO = 0x100;
    static final int VIRTIO_SND_R_PCM_SET_PARAMS = 0x101;
    static final int VIRTIO_SND_R_PCM_PREPARE = 0x102;
    static final int VIRTIO_SND_R_PCM_RELEASE = 0x103;
    static final int VIRTIO_SND_R_PCM_START = 0x104;
    static final int VIRTIO_SND_R_PCM_STOP = 0x105;
    static final int VIRTIO_SND_R_CHMAP_INFO = 0x200;

    static final int VIRTIO_SND_EVT_PCM_PERIOD_ELAPSED = 0x1100;
    static final int VIRTIO_SND_EVT_PCM_XRUN = 0x1101;

    static final int VIRTIO_SND_S_OK = 0x8000;
    static final int VIRTIO_SND_S_BAD_MSG = 0x8001;
    static final int VIRTIO_SND_S_NOT_SUPP = 0x8002;
    static final int VIRTIO_SND_S_IO_ERR = 0x8003;

    /** The driver is told of elapsed periods. The specification has it for shared memory, where there is no other sign. */
    static final int VIRTIO_SND_PCM_F_EVT_SHMEM_PERIODS = 3;

    static final int VIRTIO_SND_PCM_F_EVT_XRUNS = 4;
    static final int STREAM_FEATURES = 1 << VIRTIO_SND_PCM_F_EVT_SHMEM_PERIODS | 1 << VIRTIO_SND_PCM_F_EVT_XRUNS;

    static final int VIRTIO_SND_D_OUTPUT = 0;
    static final int VIRTIO_SND_D_INPUT = 1;

    static final int JACK_INFO_LENGTH = 24;
    static final int PCM_INFO_LENGTH = 32;
    static final int CHMAP_INFO_LENGTH = 24;
    static final int MOST_CHMAP_CHANNELS = 18;
    /** Code, latency. */
    static final int PCM_STATUS_LENGTH = 8;

    /** Frames a second, in the order of the numbers that the device gives them. */
    private static final int[] RATES = {
        5512, 8000, 11025, 16000, 22050, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000, 384000
    };

    /** Those that crosvm announces: 8000 to 48000. */
    static final long CROSVM_RATES = 0xfe;

    static final long ALL_RATES = (1L << RATES.length) - 1;

    private static final SampleFormat[] FORMATS = SampleFormat.values();

    private SndSpec() {}

    /** @param number of a rate that a stream has */
    static int rate(int number) {
        return RATES[number];
    }

    /** @param number of a format that a stream has */
    static SampleFormat format(int number) {
        return FORMATS[number];
    }

    /** A bit for each format that something holds for. */
    static long formats(Predicate<SampleFormat> holds) {
        long bits = 0;
        for (int number = 0; number < FORMATS.length; number++) {
            bits |= holds.test(FORMATS[number]) ? 1L << number : 0;
        }
        return bits;
    }

    /** Whether a bit is there, of whatever number. */
    static boolean has(long bits, int number) {
        return number < Long.SIZE && (bits >>> number & 1) != 0;
    }
}
