package localaws;

import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.OutputCommitter;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.FileOutputCommitter;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitter;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitterFactory;
import org.apache.spark.internal.io.FileNameSpec;
import org.apache.spark.internal.io.HadoopMapReduceCommitProtocol;
import scala.Option;

/**
 * Has Spark's writes use the committer that Hadoop has for the destination's file system. For S3 those are S3A's: tasks
 * upload their files' parts, and only the job's commit makes them objects. PySpark comes without Spark's own module for
 * this.
 */
public class S3CommitProtocol extends HadoopMapReduceCommitProtocol {
    private final String destination;
    private final boolean overwritesPartitions;
    private transient PathOutputCommitter committer;

    public S3CommitProtocol(String jobId, String path, boolean dynamicPartitionOverwrite) {
        super(jobId, path, dynamicPartitionOverwrite);
        destination = path;
        overwritesPartitions = dynamicPartitionOverwrite;
    }

    public OutputCommitter setupCommitter(TaskAttemptContext context) {
        try {
            if (overwritesPartitions) {
                // Spark moves whole partitions from its staging folder, which no S3A committer knows of.
                committer = new FileOutputCommitter(stagingDir(), context);
            } else {
                committer = PathOutputCommitterFactory.createCommitter(new Path(destination), context);
            }
        } catch (java.io.IOException error) {
            throw new RuntimeException(error);
        }
        return committer;
    }

    public String newTaskTempFile(TaskAttemptContext context, Option folder, FileNameSpec name) {
        if (committer instanceof FileOutputCommitter) {
            return super.newTaskTempFile(context, folder, name);
        }
        try {
            Path parent = committer.getWorkPath();
            if (folder.isDefined()) {
                parent = new Path(parent, (String) folder.get());
            }
            return new Path(parent, getFilename(context, name)).toString();
        } catch (java.io.IOException error) {
            throw new RuntimeException(error);
        }
    }
}
