import java.io.File;
import java.io.FileOutputStream;
import org.jacoco.core.analysis.Analyzer;
import org.jacoco.core.analysis.CoverageBuilder;
import org.jacoco.core.tools.ExecFileLoader;
import org.jacoco.report.DirectorySourceFileLocator;
import org.jacoco.report.IReportVisitor;
import org.jacoco.report.xml.XMLFormatter;

/** JaCoCo's own XML formatter without a build tool: JacocoXml EXEC_FILE CLASSES SOURCES XML_FILE. */
final class JacocoXml {
    public static void main(String[] args) throws Exception {
        ExecFileLoader recorded = new ExecFileLoader();
        recorded.load(new File(args[0]));
        CoverageBuilder builder = new CoverageBuilder();
        new Analyzer(recorded.getExecutionDataStore(), builder).analyzeAll(new File(args[1]));
        try (FileOutputStream out = new FileOutputStream(args[3])) {
            IReportVisitor report = new XMLFormatter().createVisitor(out);
            report.visitInfo(
                    recorded.getSessionInfoStore().getInfos(),
                    recorded.getExecutionDataStore().getContents());
            report.visitBundle(
                    builder.getBundle("java-tally"),
                    new DirectorySourceFileLocator(new File(args[2]), "utf-8", 4));
            report.visitEnd();
        }
    }
}
