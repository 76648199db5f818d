package jcrosvm.disk.qcow2;

/**
 * What checking an image found.
 *
 * @param corruptions tables that contradict each other: the image must not be written
 * @param leaks clusters that count as used and are not: harmless but for the space
 * @param leaksFixed leaks that there were, too
 * @param allocatedClusters clusters of the disk, and of its snapshots, that are in the file
 * @param totalClusters clusters that the disk has
 */
public record Qcow2CheckResult(
        long corruptions, long leaks, long leaksFixed, long allocatedClusters, long totalClusters) {}
